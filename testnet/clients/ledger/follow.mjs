// Follows every block of a running network and compares: the nodes with each other, the state with the
// events, the engines' views with the state, proofs with the state root.

import {
  ACCOUNTS,
  LEDGER,
  RISK,
  RpcError,
  TOPICS,
  Violation,
  abiAt,
  balanceSlot,
  code,
  decodeCall,
  decodeError,
  decodeLog,
  faceOf,
  halves,
  has,
  letters,
  outstandingSlot,
  quantity,
  sleep,
} from "./chain.mjs";
import { ZERO } from "./orders.mjs";
import { provenSlot } from "./proof.mjs";

/** How long a node may lag behind the first. */
const LAG_MS = 60_000;
/** Pause between two looks for the next block. */
const POLL_MS = 25;
/** Blocks fetched before they are looked at. */
const AHEAD = 8;
/** Blocks of one query for logs, and slots of one query for storage. */
const LOG_BLOCKS = 5_000;
const SLOTS = 1_000;
/** One proof in so many blocks. */
const PROVEN = 8;
/** Nodes prove the state of this many blocks back, and of some more. */
const PROVABLE = 128;
/** Transfers read back at the end. */
const READ_BACK = 1_000;

export class Follower {
  blocks = 0;
  transactions = 0;
  /** Time of the last block, seconds. */
  time = 0n;
  #nodes;
  #books;
  #random;
  #waiting = new Map();
  #fetched = new Map();
  #parent;
  #next;
  #last = Infinity;
  #failed;
  #began;
  #head = 0;

  constructor(nodes, books, random) {
    this.#nodes = nodes;
    this.#books = books;
    this.#random = random;
  }

  /** What became of a transaction, once its block is checked: `{ status, error, events, block, time }`. */
  outcome(hash) {
    return new Promise((resolve, reject) => {
      if (this.#failed) reject(this.#failed);
      this.#waiting.set(hash, { resolve, reject });
    });
  }

  /** Reads the history up to now, and compares what it gives with the state. */
  async begin() {
    const [node] = this.#nodes;
    const head = Number(await node.call("eth_blockNumber"));
    const groups = new Map();
    for (let from = 1, size = LOG_BLOCKS; from <= head;) {
      const to = Math.min(from + size - 1, head);
      const range = { fromBlock: quantity(from), toBlock: quantity(to), topics: [TOPICS] };
      let logs;
      try {
        logs = await node.call("eth_getLogs", range);
      } catch (error) {
        if (!(error instanceof RpcError) || size === 1) throw error;
        size = Math.ceil(size / 2); // Too many logs for one answer.
        continue;
      }
      for (const log of logs.filter(({ address }) => abiAt(address))) {
        if (!groups.has(log.transactionHash)) groups.set(log.transactionHash, []);
        groups.get(log.transactionHash).push(log);
      }
      from = to + 1;
    }
    const numbers = [...new Set([...groups.values()].map(([log]) => log.blockNumber))];
    const times = new Map();
    const blocks = await node.batch(
      numbers.map((number) => ["eth_getBlockByNumber", number, false]),
    );
    numbers.forEach((number, i) => times.set(number, BigInt(blocks[i].timestamp)));
    for (const [hash, logs] of groups) {
      const place = `transaction ${hash}`;
      await this.#books.take({
        place,
        time: times.get(logs[0].blockNumber),
        events: logs.map(decodeLog),
      });
    }
    const block = await node.call("eth_getBlockByNumber", quantity(head), false);
    this.time = BigInt(block.timestamp);
    this.#parent = block;
    this.#books.place = `block ${head}`;
    await this.#sums(node, head, block.stateRoot);
    await this.#profiles(node, head, [...this.#books.who.accounts.keys()]);
    await this.#list(node, head);
    this.#began = head;
    this.#next = head + 1;
  }

  /** Follows until `end` was called and its block is checked. */
  async run() {
    try {
      while (this.#next <= this.#last) await this.#block(this.#next++);
    } catch (error) {
      this.#failed = error;
      for (const { reject } of this.#waiting.values()) reject(error);
      throw error;
    }
  }

  /** Looks at the blocks that there are now, and at no more. */
  async end() {
    this.#last = Number(await this.#nodes[0].call("eth_blockNumber"));
  }

  async #block(number) {
    for (;;) {
      if (this.#head < number + AHEAD) {
        this.#head = Number(await this.#nodes[0].call("eth_blockNumber"));
      }
      for (let n = number; n <= Math.min(this.#head, number + AHEAD); n += 1) {
        if (!this.#fetched.has(n)) this.#fetch(n);
      }
      if (this.#head >= number) break;
      if (this.#last < number) return;
      await sleep(POLL_MS);
    }
    const { headers, receipts } = await this.#fetched.get(number);
    this.#fetched.delete(number);
    const books = this.#books;
    const [block] = headers;
    const time = BigInt(block.timestamp);
    books.place = `block ${number}`;

    headers.slice(1).forEach((header, i) => {
      const what = `the block of ${this.#nodes[i + 1].url} beside that of ${this.#nodes[0].url}`;
      books.equal(
        11,
        what,
        [header.hash, header.stateRoot].join(),
        [block.hash, block.stateRoot].join(),
      );
    });
    books.equal(11, "the parent", block.parentHash, this.#parent.hash);
    books.check(11, time >= this.time, "the time", `from ${this.time} on`, time);
    books.equal(
      11,
      "receipts",
      receipts.map((r) => r.transactionHash).join(),
      block.transactions.map((t) => t.hash).join(),
    );
    this.#parent = block;
    this.time = time;

    const node = this.#nodes[number % this.#nodes.length];
    const before = new Map([...books.balances].map(([key, value]) => [key, { ...value }]));
    const currencies = new Set(books.currencies.keys());
    const touched = new Set();
    const outcomes = [];
    books.open();
    const known = new Set(books.who.accounts.keys());
    for (const [at, transaction] of block.transactions.entries()) {
      const { hash, from, to, input } = transaction;
      const receipt = receipts[at];
      const place = `block ${number}, transaction ${hash}`;
      const call = decodeCall(to, input);
      const events = receipt.logs.map(decodeLog).filter((event) => event !== undefined);
      let error;
      if (receipt.status === "0x1") {
        const keys = await books.take({ place, time, sender: from, call, events });
        keys.forEach((key) => touched.add(key));
      } else {
        books.place = place;
        books.equal(10, "events of a refused transaction", receipt.logs.length, 0);
        if (to && abiAt(to)) error = await this.#why(node, hash);
        if (error) books.refuse(error.name);
      }
      outcomes.push([hash, { status: receipt.status, error, events, number, time }]);
    }
    books.place = `block ${number}`;
    const parties = [...touched].map((key) => key.split(" ")[0]).filter((id) => id !== ZERO);
    const opened = [...books.who.accounts.keys()].filter((id) => !known.has(id));
    await Promise.all([
      this.#sums(node, number, block.stateRoot),
      this.#trial(node, number),
      this.#views(node, number, touched, before, currencies),
      this.#profiles(node, number, [...new Set([...parties, ...opened])]),
    ]);

    this.blocks += 1;
    this.transactions += block.transactions.length;
    for (const [hash, outcome] of outcomes) {
      this.#waiting.get(hash)?.resolve(outcome);
      this.#waiting.delete(hash);
    }
  }

  /** The block of every node, and the receipts of the first. */
  #fetch(number) {
    const header = async (node, full) => {
      const end = Date.now() + LAG_MS;
      for (;;) {
        const block = await node.call("eth_getBlockByNumber", quantity(number), full);
        if (block) return block;
        if (Date.now() > end)
          throw new Error(`${node.url} has no block ${number} after ${LAG_MS} ms`);
        await sleep(POLL_MS);
      }
    };
    const all = Promise.all([
      Promise.all(this.#nodes.map((node, i) => header(node, i === 0))),
      this.#nodes[0].call("eth_getBlockReceipts", quantity(number)),
    ]).then(([headers, receipts]) => ({ headers, receipts }));
    all.catch(() => {}); // It is awaited later.
    this.#fetched.set(number, all);
  }

  /** Why a transaction was refused: the engine's error, or what stopped it. */
  async #why(node, hash) {
    const options = { tracer: "callTracer", tracerConfig: { onlyTopCall: true } };
    const { output, error } = await node.call("debug_traceTransaction", hash, options);
    return output && output !== "0x"
      ? decodeError(output)
      : { name: error ?? "no error", args: [] };
  }

  /** Every balance and every supply of the state: invariants 1, 2 and 12, and now and then a proof. */
  async #sums(node, number, stateRoot) {
    const books = this.#books;
    const ids = [...books.who.accounts.keys()];
    const currencies = [...books.currencies.keys()];
    const pairs = currencies.flatMap((currency) => ids.map((id) => ({ id, currency })));
    const slots = [
      ...currencies.map((currency) => this.#slot(ZERO, currency)),
      ...pairs.map(({ id, currency }) => this.#slot(id, currency)),
    ];
    const calls = [];
    for (let at = 0; at < slots.length; at += SLOTS) {
      calls.push([
        "eth_getStorageValues",
        { [LEDGER]: slots.slice(at, at + SLOTS) },
        quantity(number),
      ]);
    }
    const words = (await node.batch(calls)).flatMap((answer) => Object.values(answer)[0]);
    const sums = new Map(currencies.map((currency) => [currency, 0n]));
    pairs.forEach(({ id, currency }, i) => {
      const [posted, held] = halves(words[currencies.length + i]);
      sums.set(currency, sums.get(currency) + posted);
      books.check(
        2,
        held <= posted,
        `${id} in ${letters(currency)}`,
        `at most ${posted} held`,
        held,
      );
      const said = books.balances.get(`${id} ${currency}`) ?? { posted: 0n, held: 0n };
      books.equal(12, `what ${id} has in ${letters(currency)} by the events`, said.posted, posted);
      books.equal(12, `what of it is held by the events`, said.held, held);
    });
    currencies.forEach((currency, i) => {
      const [supply] = halves(words[i]);
      books.equal(1, `the sum of all balances in ${letters(currency)}`, sums.get(currency), supply);
      books.equal(
        12,
        `the supply of ${letters(currency)} by the events`,
        books.currencies.get(currency).supply,
        supply,
      );
    });
    if (number % PROVEN !== 0 || this.#head - number > PROVABLE) return;
    const chosen = this.#random.number(0, slots.length - 1);
    const proof = await node.call("eth_getProof", LEDGER, [slots[chosen]], quantity(number));
    let proven;
    try {
      proven = provenSlot(stateRoot, LEDGER, slots[chosen], proof);
    } catch ({ message }) {
      proven = message;
    }
    books.equal("proof", `the proven slot ${slots[chosen]}`, proven, BigInt(words[chosen]));
  }

  /** The node's own trial balance. */
  async #trial(node, number) {
    const trial = await node.call("qenex_getTrialBalance", quantity(number));
    const books = this.#books;
    const known = [...books.currencies.keys()].map(letters).sort();
    books.equal(
      1,
      "the currencies",
      trial.currencies
        .map((c) => c.currency)
        .sort()
        .join(),
      known.join(),
    );
    for (const found of trial.currencies) {
      const currency = code(found.currency);
      const line = { ...books.line(currency), closing: books.currencies.get(currency).supply };
      const names = Object.keys(line).sort();
      const text = (sums) => names.map((name) => `${name} ${sums[name]}`).join();
      books.equal(1, `the trial balance of ${found.currency}`, text(found), text(line));
    }
    books.equal(1, "whether the trial balance closes", trial.balanced, true);
  }

  #slots = new Map();

  #slot(id, currency) {
    const key = `${id} ${currency}`;
    if (!this.#slots.has(key)) {
      this.#slots.set(key, id === ZERO ? outstandingSlot(currency) : balanceSlot(id, currency));
    }
    return this.#slots.get(key);
  }

  /** The engine's own words before and after the block, and the face's: invariants 9 and 12. */
  async #views(node, number, touched, before, currencies) {
    const keys = [...touched].map((key) => key.split(" "));
    const supplies = keys.filter(([id]) => id === ZERO).map(([, currency]) => currency);
    const balances = keys.filter(([id]) => id !== ZERO);
    const asked = balances.map(([id, currency]) => [LEDGER, "balanceOf", [id, currency]]);
    // A currency that is new has no balances before.
    const old = balances.map(([, currency]) => currencies.has(currency));
    const [then, now, faces, outstanding, totals] = await Promise.all([
      node.views(
        number - 1,
        asked.filter((_, i) => old[i]),
      ),
      node.views(number, asked),
      node.views(
        number,
        balances.map(([id, currency]) => [faceOf(currency), "balanceOf", [id]]),
      ),
      node.views(
        number,
        supplies.map((currency) => [LEDGER, "supply", [currency]]),
      ),
      node.views(
        number,
        supplies.map((currency) => [faceOf(currency), "totalSupply", []]),
      ),
    ]);
    const books = this.#books;
    balances.forEach(([id, currency], i) => {
      const key = `${id} ${currency}`;
      const what = `${id} in ${letters(currency)}`;
      const first = before.get(key) ?? { posted: 0n, held: 0n };
      const last = books.balances.get(key);
      const start = old[i] ? then.shift() : [0n, 0n, 0n];
      const change = ([posted, held]) => [posted - start[0], held - start[1]].join();
      const said = [last.posted - first.posted, last.held - first.held].join();
      books.equal(12, `the change of posted and held of ${what}`, change(now[i]), said);
      books.equal(9, `what ${what} may spend by the face`, faces[i], now[i][0] - now[i][1]);
      books.equal(9, `what is available to ${what}`, now[i][2], faces[i]);
    });
    supplies.forEach((currency, i) => {
      books.equal(9, `the face's total of ${letters(currency)}`, totals[i], outstanding[i]);
      books.equal(
        1,
        `the supply of ${letters(currency)}`,
        outstanding[i],
        books.currencies.get(currency).supply,
      );
    });
  }

  /** Owner and status as the engine tells them: what invariants 6 and 7 are judged by. */
  async #profiles(node, number, ids) {
    const profiles = await node.views(
      number,
      ids.map((id) => [ACCOUNTS, "profile", [id]]),
    );
    profiles.forEach(({ owner, status }, i) => {
      const { status: wanted } = this.#books.who.standing(ids[i], this.time);
      this.#books.equal(
        6,
        `the owner of ${ids[i]}`,
        owner,
        this.#books.who.accounts.get(ids[i]).owner,
      );
      this.#books.equal(7, `the status of ${ids[i]}`, status, wanted);
    });
  }

  /** All currencies there are, where the engine lists them: invariant 1 speaks of every one. */
  async #list(node, number) {
    if (!has(LEDGER, "currencies")) return;
    const [listed] = await node.views(number, [[LEDGER, "currencies", []]]);
    const known = [...this.#books.currencies.keys()];
    this.#books.equal(1, "the currencies", [...listed].sort().join(), known.sort().join());
  }

  /** What the engines remember, beside the books: transfers, and what limits have counted. */
  async close() {
    const books = this.#books;
    const [node] = this.#nodes;
    const head = Number(this.#parent.number);
    books.place = `block ${head}, at the end`;
    await this.#list(node, head);
    const kept = [...books.records.values()].filter((record) => record.kept);
    const some = this.#random.shuffled(kept).slice(0, READ_BACK);
    const transfers = await node.views(
      head,
      some.map((r) => [LEDGER, "transferOf", [r.account, r.reference]]),
    );
    transfers.forEach((found, i) => {
      const record = some[i];
      const what = `transfer ${found.id}`;
      books.equal(3, `the amount of ${what}`, found.amount, record.amount);
      books.equal(5, `what was reversed of ${what}`, found.reversed, record.reversed);
      if (found.kind === 3)
        books.equal(4, `what was captured of ${what}`, found.captured, record.posted);
      const waits = [1, 2, 3].includes(found.status);
      books.equal(
        4,
        `whether ${what} waits`,
        waits,
        record.state === "waits" || record.state === "proposed",
      );
    });
    const counted = [];
    for (const { id, currency } of books.balances.values()) {
      const sum = books.outgoing(id, currency, this.time);
      if (sum !== undefined) counted.push({ id, currency, sum });
    }
    const flows = await node.views(
      head,
      counted.map(({ id, currency }) => [RISK, "flow", [id, currency]]),
    );
    const place = abiAt(RISK)
      .find(({ name }) => name === "flow")
      .outputs.findIndex((o) => o.name === "dayOutgoing");
    flows.forEach((flow, i) => {
      const { id, currency, sum } = counted[i];
      books.equal(
        8,
        `what the limits have counted of ${id} in ${letters(currency)} today`,
        flow[place],
        sum,
      );
    });
    if (head <= this.#began)
      throw new Violation(11, "the network", `blocks after ${this.#began}`, head);
  }
}
