// Follows every block of a running network: the nodes beside each other, what became of transactions, and the books.

import { RpcError, Violation, quantity, sleep } from "../ledger/chain.mjs";

/** How long a node may lag behind the first. */
const LAG_MS = 60_000;
const POLL_MS = 25;
/** Blocks fetched before they are looked at. */
const AHEAD = 8;
/** Blocks of one query for logs. */
const LOG_BLOCKS = 5_000;

export class Follower {
  blocks = 0;
  transactions = 0;
  /** The last block that all nodes have, and its time in seconds. */
  number = 0;
  time = 0n;
  #nodes;
  #contracts;
  #books;
  #watch;
  #waiting = new Map();
  #fetched = new Map();
  #head = 0;
  #next;
  #last = Infinity;
  #failed;
  #parent;

  /** `watch(block)` is called with each block once it is in the books. */
  constructor(nodes, contracts, books, watch) {
    this.#nodes = nodes;
    this.#contracts = contracts;
    this.#books = books;
    this.#watch = watch;
  }

  /** What became of a transaction: `{ status, error, events, number, time }`. */
  outcome(hash) {
    return new Promise((resolve, reject) => {
      if (this.#failed) reject(this.#failed);
      this.#waiting.set(hash, { resolve, reject });
    });
  }

  fail(error) {
    this.#failed ??= error;
    for (const { reject } of this.#waiting.values()) reject(error);
  }

  /** Takes the history of the suite into the books. */
  async begin() {
    const [node] = this.#nodes;
    const head = Number(await node.call("eth_blockNumber"));
    const address = this.#contracts.addresses;
    const groups = new Map();
    for (let from = 1, size = LOG_BLOCKS; from <= head;) {
      const to = Math.min(from + size - 1, head);
      let logs;
      try {
        const range = { fromBlock: quantity(from), toBlock: quantity(to), address };
        logs = await node.call("eth_getLogs", range);
      } catch (error) {
        if (!(error instanceof RpcError) || size === 1) throw error;
        size = Math.ceil(size / 2); // Too many logs for one answer.
        continue;
      }
      for (const log of logs) {
        if (!groups.has(log.transactionHash)) groups.set(log.transactionHash, []);
        groups.get(log.transactionHash).push(log);
      }
      from = to + 1;
    }
    for (const logs of groups.values()) {
      const number = Number(logs[0].blockNumber);
      this.#books.take({ number, place: `block ${number}`, events: this.#events(logs) });
    }
    this.#parent = await node.call("eth_getBlockByNumber", quantity(head), false);
    this.number = head;
    this.time = BigInt(this.#parent.timestamp);
    this.#next = head + 1;
  }

  /** Follows until `end` was called and its block is looked at. */
  async run() {
    try {
      while (this.#next <= this.#last && !this.#failed) await this.#block(this.#next++);
    } catch (error) {
      this.fail(error);
    }
    if (this.#failed) throw this.#failed;
  }

  async end() {
    this.#last = Number(await this.#nodes[0].call("eth_blockNumber"));
  }

  /** Waits for a block at or after a second. */
  async until(second) {
    while (this.time < second && !this.#failed) await sleep(POLL_MS);
  }

  #events(logs) {
    return logs.map((log) => this.#contracts.event(log)).filter((event) => event !== undefined);
  }

  async #block(number) {
    for (;;) {
      if (this.#head < number + AHEAD)
        this.#head = Number(await this.#nodes[0].call("eth_blockNumber"));
      for (let n = number; n <= Math.min(this.#head, number + AHEAD); n += 1)
        if (!this.#fetched.has(n)) this.#fetch(n);
      if (this.#head >= number) break;
      if (this.#last < number || this.#failed) return;
      await sleep(POLL_MS);
    }
    const { headers, receipts } = await this.#fetched.get(number);
    this.#fetched.delete(number);
    const [block] = headers;
    const time = BigInt(block.timestamp);
    headers.forEach((header, i) => {
      for (const field of ["hash", "stateRoot", "receiptsRoot"]) {
        const what = `block ${number}: ${field} of ${this.#nodes[i].url}`;
        this.#books.equal("nodes", what, header[field], block[field]);
      }
    });
    this.#books.equal("nodes", `parent of ${number}`, block.parentHash, this.#parent.hash);
    const listed = receipts.map(({ transactionHash }) => transactionHash).join();
    this.#books.equal("nodes", `receipts of ${number}`, listed, block.transactions.join());
    this.#parent = block;

    const node = this.#nodes[number % this.#nodes.length];
    const outcomes = [];
    const all = [];
    for (const { transactionHash: hash, status, logs } of receipts) {
      const events = this.#events(logs);
      let error;
      if (status === "0x1") {
        this.#books.take({ number, place: `block ${number}, transaction ${hash}`, events });
        all.push(...events);
      } else if (this.#waiting.has(hash)) {
        error = await this.#why(node, hash);
      }
      outcomes.push([hash, { status, error, events, number, time }]);
    }
    await this.#watch({ number, time, events: all });
    this.number = number;
    this.time = time;
    this.blocks += 1;
    this.transactions += receipts.length;
    for (const [hash, outcome] of outcomes) {
      this.#waiting.get(hash)?.resolve(outcome);
      this.#waiting.delete(hash);
    }
  }

  /** The header from every node, and the receipts from one after the other. */
  #fetch(number) {
    const patient = async (node, method, ...params) => {
      const end = Date.now() + LAG_MS;
      for (;;) {
        const answer = await node.call(method, quantity(number), ...params);
        if (answer) return answer;
        if (Date.now() > end) throw new Error(`${node.url} has no block ${number} after a minute`);
        await sleep(POLL_MS);
      }
    };
    const one = this.#nodes[number % this.#nodes.length];
    const all = Promise.all([
      Promise.all(this.#nodes.map((node) => patient(node, "eth_getBlockByNumber", false))),
      patient(one, "eth_getBlockReceipts"),
    ]).then(([headers, receipts]) => ({ headers, receipts }));
    all.catch(() => {}); // It is awaited later.
    this.#fetched.set(number, all);
  }

  /** Why a transaction was refused. */
  async #why(node, hash) {
    const options = { tracer: "callTracer", tracerConfig: { onlyTopCall: true } };
    const { output, error } = await node.call("debug_traceTransaction", hash, options);
    if (output && output !== "0x") return this.#contracts.error(output);
    return { name: error && error !== "execution reverted" ? error : "no data", args: [] };
  }
}
