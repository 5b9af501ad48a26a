// Two chains that are sent the same: a `qenex dev` and an Anvil of the same accounts, chain id and clock.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Node, quantity, sleep } from "./ledger/chain.mjs";

const ANVIL = fileURLToPath(new URL("../../contracts/bin/anvil", import.meta.url));
/** Gas of transactions that do not say, and what they pay for it: the same on both, whatever the base fee. */
const GAS = { gas: quantity(10_000_000), gasPrice: quantity(10_000_000_000) };
/** How long a transaction may take to be in a block. */
const PATIENCE_MS = 10_000;

/** An Anvil with the fees of the other node, so that balances agree as well; it ends with this script. */
export async function startAnvil(qenex) {
  const [chainId, { gasLimit, baseFeePerGas }] = await qenex.batch([
    ["eth_chainId"],
    ["eth_getBlockByNumber", "latest", false],
  ]);
  const options = {
    "--chain-id": chainId,
    "--gas-limit": gasLimit,
    "--block-base-fee-per-gas": baseFeePerGas,
  };
  const numbers = Object.entries(options).flatMap(([name, value]) => [name, `${Number(value)}`]);
  const child = spawn(ANVIL, ["--port", "0", "--hardfork", "osaka", ...numbers], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  process.on("exit", () => child.kill());
  // Told to end, Node.js ends without that.
  for (const [signal, number] of [
    ["SIGINT", 2],
    ["SIGTERM", 15],
  ])
    process.once(signal, () => process.exit(128 + number));
  for await (const line of createInterface({ input: child.stdout })) {
    const found = /^Listening on (\S+)/.exec(line);
    if (found) {
      child.stdout.resume();
      return new Node(`http://${found[1]}`);
    }
  }
  throw new Error("anvil does not start");
}

/** Anvil answers with a hash before it has made the block. */
async function receiptOf(node, hash) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const receipt = await node.call("eth_getTransactionReceipt", hash);
    if (receipt) return receipt;
    if (Date.now() > end) throw new Error(`${node.url}: no receipt of ${hash}`);
    await sleep(2);
  }
}

/** Both chains, one clock. */
export class Twin {
  #snapshots;

  /** `first` and `second`: their JSON-RPC. */
  constructor(first, second) {
    this.nodes = [first, second];
  }

  static async start(url) {
    const qenex = new Node(url);
    const twin = new Twin(qenex, await startAnvil(qenex));
    const blocks = await twin.both("eth_getBlockByNumber", "latest", false);
    twin.time = Math.max(...blocks.map(({ timestamp }) => Number(timestamp))) + 1_000;
    return twin;
  }

  /** What both answer to the same request. */
  both(method, ...params) {
    return Promise.all(this.nodes.map((node) => node.call(method, ...params)));
  }

  async snapshot() {
    this.#snapshots = await this.both("evm_snapshot");
  }

  /** Back to the last snapshot, and the clock too. */
  async revert() {
    await Promise.all(this.nodes.map((node, i) => node.call("evm_revert", this.#snapshots[i])));
    await this.snapshot();
  }

  /** The same transaction on both, in a block of its own in the second `time`: receipts with output and gas. */
  async send(transaction, time) {
    const request = { ...GAS, ...transaction };
    return Promise.all(
      this.nodes.map(async (node) => {
        // One after the other: the calls of a batch may be answered in any order.
        await node.call("evm_setNextBlockTimestamp", quantity(time));
        const hash = await node.call("eth_sendTransaction", request);
        const receipt = await receiptOf(node, hash);
        const [trace, { timestamp }] = await node.batch([
          ["debug_traceTransaction", hash, { tracer: "callTracer" }],
          ["eth_getBlockByHash", receipt.blockHash, false],
        ]);
        if (Number(timestamp) !== time) throw new Error(`${node.url}: a block at ${timestamp}, not ${time}`);
        return { ...receipt, output: trace.output ?? "0x" };
      }),
    );
  }

  /** What views answer on both after the last block: `0x...`, or `refused: 0x...`. */
  views(calls) {
    return Promise.all(
      this.nodes.map(async (node) =>
        Promise.all(
          calls.map(({ to, data, from }) =>
            node.call("eth_call", { to, data, from }, "latest").catch((error) => {
              if (error.data === undefined && !/revert/i.test(error.message)) throw error;
              return `refused: ${error.data ?? "0x"}`;
            }),
          ),
        ),
      ),
    );
  }
}

/** A transaction on one chain alone, which must succeed: its receipt. */
export async function sendAlone(node, transaction) {
  const hash = await node.call("eth_sendTransaction", { ...GAS, ...transaction });
  const receipt = await receiptOf(node, hash);
  if (receipt.status !== "0x1") throw new Error(`${node.url}: ${transaction.to} refuses ${transaction.data}`);
  return receipt;
}
