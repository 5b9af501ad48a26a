// Drives the whole contract suite on a running network at random, and checks what must hold of it, from public data alone.
// Stops with a message and exit code 1 at the first thing that is not as it must be.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Node } from "./ledger/chain.mjs";
import { Random } from "./ledger/random.mjs";
import { Sender } from "./ledger/send.mjs";
import { Contracts } from "./suite/abi.mjs";
import { Books } from "./suite/books.mjs";
import { Council } from "./suite/council.mjs";
import { Follower } from "./suite/follow.mjs";
import { Inspector } from "./suite/inspector.mjs";
import { Tally } from "./suite/lane.mjs";
import { Leaving } from "./suite/leave.mjs";
import { Liquidator } from "./suite/liquidator.mjs";
import { Person } from "./suite/person.mjs";
import { Reader } from "./suite/reader.mjs";
import { Reporter } from "./suite/reporter.mjs";
import { World, suiteOf } from "./suite/world.mjs";

/** What every run must have checked and done, or it has shown nothing. */
const CHECKS = [
  "S1",
  "S2",
  "S3",
  "S4",
  "S5",
  "S6",
  "S7",
  "S8",
  "S9",
  "S10",
  "S11",
  "S12",
  "S13",
  "S14",
  "S15",
].concat(["P1", "P2", "P3", "P4", "F1", "F2", "F3", "bonus", "nodes"]);
const ACTIONS = [
  "supply",
  "withdraw",
  "borrow",
  "repay",
  "repay for",
  "switch collateral",
  "liquidate",
  "write off",
]
  .concat([
    "flash loan",
    "give to the pool",
    "swap exact in",
    "swap exact out",
    "add liquidity",
    "remove liquidity",
  ])
  .concat([
    "flash loan of a pair",
    "give to a pair",
    "skim",
    "there and back",
    "farm",
    "leave a farm",
    "claim",
    "claim all",
    "exit a farm",
  ])
  .concat([
    "stake",
    "delegate",
    "fund the rewards",
    "pay",
    "report a price",
    "report a jump",
    "suspend a feed",
  ])
  .concat(["shorten a staleness", "propose", "vote", "queue", "execute"]);

/** Blocks from one picture of everything to the next, at least. */
const EVERY = 5;

const USAGE = `usage: node suite.mjs [--rpc URL[,URL...]] [--seconds N] [--seed S] [--contracts FILE|URL] [--api-key FILE]`;

function options() {
  const local = (path) => fileURLToPath(new URL(path, import.meta.url));
  const text = (fallback) => ({ type: "string", default: fallback });
  try {
    const { values } = parseArgs({
      options: {
        rpc: text(process.env.QENEX_RPC ?? "http://127.0.0.1:8545"),
        seconds: text("20"),
        seed: text("1"),
        contracts: text(
          process.env.QENEX_CONTRACTS ?? local("../../contracts/deployments/20824.json"),
        ),
        "api-key": text(local("../../data/testnet/api-key")),
      },
    });
    const seconds = Number(values.seconds);
    if (!Number.isSafeInteger(seconds) || seconds < 1)
      throw new Error("--seconds is a number from 1 on");
    const { contracts, seed } = values;
    return { urls: values.rpc.split(","), seconds, seed, contracts, key: values["api-key"] };
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    process.exit(2);
  }
}

/** Addresses by name, from a file of deployments/ or from the bank facade (`.../api/v1/contracts`). */
async function addresses({ contracts, key }) {
  if (!/^https?:/.test(contracts)) return JSON.parse(readFileSync(contracts, "utf8")).contracts;
  const authorization = `Bearer ${readFileSync(key, "utf8").trim()}`;
  const response = await fetch(contracts, { headers: { authorization } });
  if (!response.ok) throw new Error(`${contracts}: HTTP status ${response.status}`);
  const { contracts: list } = await response.json();
  return Object.fromEntries(list.map(({ name, address }) => [name, address]));
}

const list = (entries) => entries.map(([name, text]) => `${name} ${text}`).join(", ");

function summary(follower, inspector, reader, books, tally) {
  const byName = ([a], [b]) => (a < b ? -1 : 1);
  const actions = [...tally.actions].sort(byName).map(([name, { ok, refused, raced }]) => {
    const parts = [
      [ok, "ok"],
      [refused, "refused"],
      [raced, "lost a race"],
    ].filter(([n]) => n > 0);
    return [name, parts.map(([n, what]) => `${n} ${what}`).join(" + ")];
  });
  const checks = Object.entries(books.checks).sort(byName);
  const all = checks.reduce((sum, [, count]) => sum + count, 0);
  return [
    `${follower.blocks} blocks, ${follower.transactions} transactions`,
    `actions: ${tally.sum("ok")} ok, ${tally.sum("refused")} refused as they must be, ${tally.sum("raced")} lost a race`,
    list(actions),
    `errors: ${list([...tally.errors].sort(byName))}`,
    `${inspector.pictures} pictures, ${reader.compared} answers compared with another node's`,
    `${all} checks: ${list(checks)}`,
  ].join("; ");
}

async function run(settings) {
  const { urls, seconds, seed } = settings;
  const began = performance.now();
  const progress = (text) =>
    console.log(`suite: ${Math.round((performance.now() - began) / 1000)} s: ${text}`);
  const random = (name) => new Random(`${seed} ${name}`);
  const nodes = urls.map((url) => new Node(url));
  const chainId = Number(await nodes[0].call("eth_chainId"));
  const contracts = new Contracts();
  const suite = suiteOf(contracts, await addresses(settings));
  const reader = new Reader(nodes, contracts, suite.multicall);
  const books = new Books(suite.pool, 5n);
  const inspector = new Inspector(suite, books, reader, EVERY);
  const follower = new Follower(nodes, contracts, books, (block) => inspector.block(block));
  const sender = new Sender(nodes, follower, chainId, random("sender"));
  const world = new World(contracts, suite, books, reader, sender, follower);
  Object.assign(world, { nodes });
  inspector.onFailure((error) => follower.fail(error));

  progress(`history of ${urls.length} nodes, seed ${seed}`);
  const head = Number(await nodes[0].call("eth_blockNumber"));
  for (const pair of suite.pairs) {
    const [token0, token1] = await reader.at(head, [
      [pair, "token0"],
      [pair, "token1"],
    ]);
    world.keep(pair, token0, token1, false);
  }
  const [delay] = await reader.at(head, [[suite.timelock, "getMinDelay"]]);
  suite.governors.set(suite.governor, { delay });
  await follower.begin();

  const tally = new Tally();
  const following = follower.run();
  const working = (async () => {
    await world.build(seed, progress);
    progress(`${world.people.length} people, ${seconds} s`);
    const until = performance.now() + 1000 * seconds;
    const time = () => performance.now() < until;
    const own = (name) => new Random(`${world.run} ${name}`);
    const lane = (Kind, name, ...rest) => new Kind(name, world, own(name), tally, ...rest);
    const people = world.people.map((wallet, i) => lane(Person, `person ${i}`, wallet));
    const reporter = lane(Reporter, "reporter");
    await reporter.begin();
    const council = lane(Council, "council");
    let acting = true;
    const liquidator = lane(Liquidator, "liquidator").run(() => acting);
    const news = setInterval(
      () => progress(`${follower.blocks} blocks, ${tally.sum("ok")} ok`),
      30_000,
    );
    try {
      await Promise.all([
        liquidator,
        Promise.all([
          ...people.map((one) => one.run(time)),
          reporter.run(time).then(() => reporter.end()),
          council.run(time),
        ]).then(() => (acting = false)),
      ]);
    } finally {
      clearInterval(news);
    }
    progress("everybody leaves");
    await lane(Leaving, "leaving").run();
    await world.restore();
    await inspector.idle();
    await follower.end();
  })();
  await Promise.all([following, working]);
  await inspector.look({ number: follower.number, time: follower.time }, true);

  const line = summary(follower, inspector, reader, books, tally);
  const none = [
    ...CHECKS.filter((name) => !books.checks[name]),
    ...ACTIONS.filter((name) => !tally.actions.get(name)?.ok),
  ];
  if (none.length > 0) throw new Error(`${line}; the run has none of: ${none.join(", ")}`);
  console.log(`suite: ok in ${Math.round((performance.now() - began) / 1000)} s: ${line}`);
}

const settings = options();
try {
  await run(settings);
  process.exit(0);
} catch (error) {
  const text = process.env.QENEX_STACK ? error.stack : error.message;
  console.error(`suite: FAILED, seed ${settings.seed}: ${text}`);
  process.exit(1);
}
