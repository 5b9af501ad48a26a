// The Solidity doubles of the engines beside the engines themselves: the doubles on an Anvil, at the engines' own
// addresses, the engines on `qenex dev`. Both chains are sent the same random calls at the same times; success, returned
// data or reason, events, views and balances must agree after each.

import { parseArgs } from "node:util";
import { run } from "./session.mjs";
import { Random } from "./ledger/random.mjs";
import { Twin } from "./twin.mjs";
import { prepare, WORLDS } from "./doubles/worlds.mjs";
import { Comparison } from "./doubles/comparison.mjs";

const { values: options } = parseArgs({
  options: {
    rpc: { type: "string", default: process.env.QENEX_RPC ?? "http://127.0.0.1:8545" },
    histories: { type: "string", default: "8" },
    steps: { type: "string", default: "60" },
    seed: { type: "string", default: "1" },
  },
});
const HISTORIES = Number(options.histories);
const STEPS = Number(options.steps);
/** Calls after which every function must have succeeded and have been refused, and certain events been seen. */
const COMPLETE = 5_000;
/** Seconds between two calls. */
const PAUSES = [1, 1, 1, 2, 5, 30, 60, 101, 3_600, 86_400];

const deadline = 60_000 + HISTORIES * STEPS * 500;
await run(
  "doubles beside engines",
  async (step) => {
    step("a second chain with the doubles");
    const twin = await Twin.start(options.rpc);
    // However it ends, the node is as it was.
    const before = await twin.nodes[0].call("evm_snapshot");
    try {
      await compare(step, twin);
    } finally {
      await twin.nodes[0].call("evm_revert", before);
    }
  },
  deadline,
);

async function compare(step, twin) {
  const comparison = new Comparison(twin);
  const setting = await prepare(twin, comparison);
  await twin.snapshot();
  const worlds = Object.entries(WORLDS);
  for (let i = 0; i < HISTORIES; i += 1) {
    const [name, World] = worlds[i % worlds.length];
    step(`history ${i + 1}: ${name}`);
    const random = new Random(`doubles ${options.seed} ${i}`);
    const world = new World(random, setting);
    await comparison.begin(`seed ${options.seed}, history ${i + 1}, ${name}`);
    for (let n = 0; n < STEPS; n += 1) {
      const time = comparison.now + random.pick(PAUSES);
      const call = world.next(time);
      const seen = await comparison.attempt(call, time);
      for (const more of world.after?.(call, seen) ?? []) {
        await comparison.attempt(more, comparison.now + (more.wait ?? 1));
      }
      await comparison.views(world.views(call));
      await comparison.balances(world.holders ?? []);
    }
    await twin.revert();
  }
  comparison.report(HISTORIES * STEPS >= COMPLETE);
}
