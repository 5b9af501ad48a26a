// The ledger once more, from transactions and events alone: what must hold of them, by the numbers of the
// ledger's invariants.
//
// Reads no state: the follower compares what comes out here with the state of every block.

import {
  LEDGER,
  SETTLEMENT,
  Violation,
  currencyOf,
  decodeError,
  faceOf,
  idOf,
  letters,
} from "./chain.mjs";
import { CAPTURE, HOLD, ISSUE, REDEEM, REVERSAL, TRANSFER, ZERO } from "./orders.mjs";
import { ordersOf, signers } from "./orders.mjs";
import { NO_LIMIT, Who } from "./who.mjs";

/** The engines' own references begin so: they come from faces and settlements. */
const ENGINE_REFERENCE = "0xffffff";
const DAY = 86_400n;
const UNLIMITED = (1n << 256n) - 1n;

const [ASKED, REVIEWED, HELD, SETTLED, REJECTED, VOIDED, EXPIRED] = [1, 2, 3, 4, 5, 6, 7];
const [ACTIVE, FROZEN] = [2, 4];
const [DEBIT, CREDIT] = [1, 2];

/** An amount as limits count it. */
function count(amount, exponent) {
  const unit = 10n ** BigInt(Math.max(exponent - 6, 0));
  return (amount + unit - 1n) / unit;
}

/** How a posting is counted, by its kind and by the call that gave the order. */
function kindOf({ kind }, { address, name }) {
  if (currencyOf(address)) return name === "transferFrom" ? "allowance transfer" : "face transfer";
  const many = { batch: "batch item", atomic: "atomic item", submit: "signed order" };
  const plain = { [TRANSFER]: "transfer", [ISSUE]: "issue", [REDEEM]: "redemption" };
  const one = { ...plain, [REVERSAL]: "money back" };
  return many[name] ?? one[kind];
}

export class Books {
  checks = {};
  payments = {};
  refusals = {};
  currencies = new Map();
  balances = new Map();
  /** Everything made under a reference, by id. */
  records = new Map();
  #allowances = new Map();
  #counters = new Map();
  #cycles = new Map();
  #lines = new Map();

  /** `genesis` is what the development network begins with: admin, currencies, accounts. */
  constructor(chainId, genesis) {
    this.chainId = chainId;
    this.who = new Who(genesis);
    for (const currency of genesis.currencies) this.#register(currency, 2, genesis.admin);
    for (const { id, balances } of genesis.accounts) {
      for (const [currency, amount] of balances) this.#move(ZERO, id, currency, amount, new Set());
    }
  }

  #register(currency, exponent, issuer) {
    this.currencies.set(currency, { exponent, issuer, active: true, supply: 0n });
  }

  /** Begins the sums of a block. */
  open() {
    this.#lines.clear();
  }

  /** What the block did to a currency so far. */
  line(currency) {
    if (!this.#lines.has(currency)) {
      const { supply: opening } = this.currencies.get(currency);
      const sums = { issued: 0n, redeemed: 0n, moved: 0n, held: 0n, released: 0n };
      this.#lines.set(currency, { opening, postings: 0n, ...sums });
    }
    return this.#lines.get(currency);
  }

  /** What an account has by the events so far. */
  balance(id, currency) {
    const key = `${id} ${currency}`;
    if (!this.balances.has(key)) this.balances.set(key, { id, currency, posted: 0n, held: 0n });
    return this.balances.get(key);
  }

  /** Counts a check of an invariant, and stops unless it holds. */
  check(number, holds, what, expected, found) {
    this.checks[number] = (this.checks[number] ?? 0) + 1;
    if (!holds) throw new Violation(number, `${this.place}: ${what}`, expected, found);
  }

  equal(number, what, found, expected) {
    this.check(number, found === expected, what, expected, found);
  }

  /** As [`equal`], of several things at once. */
  #same(number, what, found, expected) {
    this.equal(number, what, found.join(" "), expected.join(" "));
  }

  pay(kind) {
    this.payments[kind] = (this.payments[kind] ?? 0) + 1;
  }

  refuse(name) {
    this.refusals[name] = (this.refusals[name] ?? 0) + 1;
  }

  /** What went out of an account today, as limits count it; undefined if nothing was counted. */
  outgoing(id, currency, time) {
    const counter = this.#counters.get(`${id} ${currency}`);
    if (counter === undefined) return undefined;
    return counter.day === time / DAY ? counter.today : 0n;
  }

  /**
   * Takes a transaction that went through: its events in their order. `call` is what it asked of an engine
   * directly, undefined if it called something else; `sender` is undefined for history, of which only the
   * events are known. Answers which balances it touched.
   */
  async take({ place, time, sender, call, events }) {
    this.place = place;
    const orders = call ? ordersOf(call, sender, this.records) : [];
    const signed = call?.name === "submit" ? await signers(this.chainId, call, time) : new Map();
    const touched = new Set();
    const context = { time, sender, call, orders, signed, events, touched, before: new Map() };
    for (const [at, event] of events.entries()) {
      context.at = at;
      if (event.address === LEDGER) this.#ledger(event.name, event.args, context);
      else if (event.address === SETTLEMENT) this.#netting(event.name, event.args, time);
      else if (currencyOf(event.address)) this.#face(event, context);
      else this.who.take(event);
    }
    this.equal(4, "what was posted of a hold and not captured", context.capture, undefined);
    if (sender) this.#replayed(call, events);
    return touched;
  }

  // The ledger's events.

  #ledger(name, args, context) {
    switch (name) {
      case "Settled":
        return this.#settled(args, context);
      case "Held":
        return this.#held(args, context);
      case "Captured":
        return this.#captured(args, context);
      case "Released":
        return this.#released(args, context);
      case "StatusSet":
        return this.#becomes(args);
      case "Reversed":
        return this.#reversed(args, context);
      case "Rejected":
        return this.#rejected(args, context);
      case "IssueProposed":
        return this.#proposed(args, context);
      case "CurrencyRegistered":
        return this.#register(args.currency, args.exponent, args.issuer);
      case "CurrencyStatusSet":
        this.currencies.get(args.currency).active = args.active;
    }
    return undefined;
  }

  /** Invariant 3: keeps what was made under a reference under which nothing was made before. */
  #make(id, record, what) {
    const before = this.records.get(id);
    const unused = before === undefined;
    this.check(3, unused, `${what} under the reference of ${id}`, "a new one", before?.state);
    this.records.set(id, { posted: 0n, reversed: 0n, ...record });
  }

  #settled(args, context) {
    const { id, from, to, currency, amount, clientReference: reference } = args;
    const known = this.records.get(id);
    const account = from === ZERO ? this.currencies.get(currency)?.issuer : from;
    this.equal(3, "the id of a posting", idOf(account, reference), id);
    this.check(12, amount > 0n, `posting ${id}`, "an amount", amount);
    if (known?.state === "waits" || known?.state === "proposed") {
      const parties = [known.from, known.to, known.currency];
      this.#same(3, `where ${id} goes`, [from, to, currency], parties);
      const rest = known.amount - known.posted;
      this.check(4, amount <= rest, `what is posted of ${id}`, `at most ${rest}`, amount);
      known.posted += amount;
      if (known.state === "waits") context.capture = `${id} ${amount}`;
      else known.state = "settled";
      this.#mayComplete(known, context);
    } else {
      // What comes through a face or out of netting has no record of its own.
      const kept = !reference.startsWith(ENGINE_REFERENCE);
      const record = { account, reference, from, to, currency, amount, posted: amount };
      this.#make(id, { ...record, kept, state: "settled" }, "a posting");
      this.#mayPost(args, context);
    }
    this.#standings(from, to, currency, context.time);
    this.#move(from, to, currency, amount, context.touched);
    // Its twin of the currency's face follows at once.
    context.twin = context.at + 1;
    const twin = context.events[context.twin];
    if (!context.sender) return;
    const found = [twin?.address, twin?.name, twin?.args.from, twin?.args.to, twin?.args.value];
    this.#same(9, `the twin of ${id}`, found, [faceOf(currency), "Transfer", from, to, amount]);
  }

  #move(from, to, currency, amount, touched) {
    const line = this.line(currency);
    line.postings += 1n;
    line[from === ZERO ? "issued" : to === ZERO ? "redeemed" : "moved"] += amount;
    const change = (id, by) => {
      touched.add(`${id} ${currency}`);
      // Who issues or redeems moves the supply the other way.
      if (id === ZERO) this.currencies.get(currency).supply -= by;
      else this.balance(id, currency).posted += by;
    };
    change(from, -amount);
    change(to, amount);
  }

  #hold(from, currency, change, touched) {
    const line = this.line(currency);
    if (change > 0n) line.held += change;
    else line.released -= change;
    this.balance(from, currency).held += change;
    touched.add(`${from} ${currency}`);
  }

  /** Invariant 7: both sides may be posted to, and the currency is in use. */
  #standings(from, to, currency, time) {
    const side = (id, number) => {
      if (id === ZERO) return;
      this.check(7, this.who.accounts.has(id), `a posting of ${id}`, "a ledger account", "none");
      const { status, sides } = this.who.standing(id, time);
      const denied = this.who.denied(id);
      const open = [ACTIVE, FROZEN].includes(status) && (sides & number) === 0 && !denied;
      const found = { status, sides, denied };
      this.check(7, open, `a posting on side ${number} of ${id}`, "an open side", found);
    };
    side(from, DEBIT);
    side(to, CREDIT);
    this.equal(
      7,
      `whether ${letters(currency)} is in use`,
      this.currencies.get(currency)?.active,
      true,
    );
  }

  #held(args, context) {
    const { id, from, to, currency, amount, status, clientReference: reference } = args;
    this.equal(3, "the id of a hold", idOf(from, reference), id);
    const known = [ASKED, REVIEWED, HELD].includes(status);
    this.check(12, known && amount > 0n, `hold ${id}`, "status and amount", { status, amount });
    // A key speaks for the owner.
    const { call, sender } = context;
    const initiator = call?.name === "submit" ? this.who.owner(from) : sender;
    const record = { account: from, reference, from, to, currency, amount, initiator };
    this.#make(id, { ...record, kept: true, state: "waits" }, "a hold");
    this.#mayPost(args, context);
    this.#standings(from, to, currency, context.time);
    this.#hold(from, currency, amount, context.touched);
    if (!sender) return;
    const names = { [ASKED]: "approval asked", [REVIEWED]: "review asked", [HELD]: "hold" };
    this.pay(call?.address === SETTLEMENT ? "settlement leg" : names[status]);
  }

  #captured({ id, from, currency, amount, rest }, context) {
    const record = this.records.get(id);
    this.equal(4, `what is captured of ${id}`, record?.state, "waits");
    this.equal(4, "what is captured", `${id} ${amount}`, context.capture);
    this.equal(4, `what is left of ${id}`, rest, record.amount - record.posted);
    context.capture = undefined;
    this.#hold(from, currency, -amount, context.touched);
    if (rest === 0n) record.state = "ended";
    if (!context.sender) return;
    const capture = rest > 0n ? "partial capture" : "capture";
    const names = { capture, approve: "approval", decide: "accepted" };
    this.pay(names[context.call?.name] ?? "leg settled");
  }

  #released({ id, from, to, currency, amount, status }, context) {
    const record = this.records.get(id);
    this.equal(4, `what is released of ${id}`, record?.state, "waits");
    const parties = [record.from, record.to, record.currency];
    this.#same(4, `whose hold ${id} is`, [from, to, currency], parties);
    this.equal(4, `captures and releases of ${id}`, record.posted + amount, record.amount);
    const ends = record.posted > 0n ? [SETTLED] : [REJECTED, VOIDED, EXPIRED];
    this.check(4, ends.includes(status), `what ${id} becomes`, ends, status);
    record.state = "ended";
    this.#hold(from, currency, -amount, context.touched);
    if (!context.sender) return;
    this.#mayRelease(record, context);
    const refused = { decide: "rejection", disapprove: "disapproval" };
    const names = { voidHold: "void", expire: "expiry", ...refused };
    this.pay(names[context.call?.name] ?? "leg released");
  }

  #becomes({ id, status }) {
    const record = this.records.get(id);
    this.check(4, record !== undefined, `the status of ${id}`, "a transfer", "none");
    const waits = [ASKED, REVIEWED, HELD].includes(status);
    if (record.state === "proposed" && !waits) record.state = "ended";
    const found = record.state === "waits" || record.state === "proposed";
    this.equal(4, `whether ${id} waits`, found, waits);
  }

  #reversed({ id, reversal, amount, total }, context) {
    const original = this.records.get(id);
    const given = this.records.get(reversal);
    this.equal(5, `what reverses ${id}`, given?.state, "settled");
    const back = [original?.to, original?.from, original?.currency, amount];
    this.#same(5, "the way back", [given.from, given.to, given.currency, given.amount], back);
    original.reversed += amount;
    this.equal(5, `the reversals of ${id}`, total, original.reversed);
    const most = original.posted;
    this.check(5, total <= most, `the reversals of ${id}`, `at most ${most}`, total);
    if (context.sender) this.pay("reversal");
  }

  #rejected({ id, from, reason }, context) {
    this.#make(id, { account: from, state: "rejected" }, "a refused order");
    if (!context.sender) return;
    this.pay("refused item");
    this.refuse(decodeError(reason).name);
  }

  #proposed({ id, issuer, to, currency, amount }, context) {
    this.#make(
      id,
      { account: issuer, from: ZERO, to, currency, amount, state: "proposed" },
      "an issue",
    );
    if (context.sender) this.#mayIssue(currency, context);
  }

  #face({ address, name, args }, context) {
    if (name === "Approval") {
      const key = `${currencyOf(address)} ${args.owner} ${args.spender}`;
      if (!context.before.has(key)) context.before.set(key, this.#allowances.get(key) ?? 0n);
      this.#allowances.set(key, args.value);
    } else if (context.sender) {
      const moved = context.at === context.twin || args.value === 0n;
      this.check(9, moved, `a Transfer of ${address}`, "a posting before it", args);
    }
  }

  /** A call that went through without an event was the repetition of one before. */
  #replayed(call, events) {
    const repeats = ["transfer", "hold", "issue", "redeem"].includes(call?.name);
    if (call?.address !== LEDGER || !repeats || events.length > 0) return;
    const { from, currency, clientReference } = call.args;
    const account = from ?? this.currencies.get(currency)?.issuer;
    const known = this.records.has(idOf(account, clientReference));
    this.check(3, known, "a call without effect", "a repetition", call.args);
    this.pay("replay");
  }

  // Invariant 6: by what right. Only of transactions that call an engine themselves: who calls from a contract
  // is not in the transaction.

  /** A posting or hold that is new: the order it carries out, and the right of who gave it. */
  #mayPost(args, context) {
    const { sender, call, time, orders, events } = context;
    const { id, from, to, currency, amount } = args;
    const uncounted = events.some(
      ({ name, args: other }) =>
        (name === "Reversed" && other.reversal === id) || name === "NetPosted",
    );
    if (from !== ZERO && to !== ZERO && !uncounted) this.#counted(from, currency, amount, time);
    if (!sender) return undefined;
    if (!call) return this.pay("by a contract");
    if (call.address === SETTLEMENT) return this.#maySettle(args, context);

    const face = currencyOf(call.address) !== undefined;
    const of = (order) => idOf(order.giver, order.clientReference);
    const order = face ? orders[0] : orders.find((order) => of(order) === id);
    this.check(6, order !== undefined, `posting ${id}`, "an order for it", orders);
    const asked = [order.from, order.to, order.currency, order.amount];
    this.#same(6, `what ${id} does`, [from, to, currency, amount], asked);
    const memo = [args.endToEndId, args.payloadHash];
    if (!face) this.#same(6, `the memo of ${id}`, memo, [order.endToEndId, order.payloadHash]);
    const engines = args.clientReference.startsWith(ENGINE_REFERENCE);
    this.equal(6, `whether an engine chose the reference of ${id}`, engines, face);

    if (events[context.at].name === "Settled") this.pay(kindOf(order, call));
    if (from === ZERO) return this.#mayIssue(currency, context);
    if (to === ZERO) this.#mayIssue(currency, context);
    if (face && call.name === "transferFrom") return this.#mayUse(args, context);
    if (call.name !== "submit") {
      const payee = to === ZERO ? undefined : to;
      return this.#owns(from, currency, order.kind, payee, context);
    }
    const key = context.signed.get(order);
    const signs = key !== undefined && this.who.signs(from, key, time);
    return this.check(6, signs, `an order of ${from}`, "a signature of one of its keys", key);
  }

  #mayIssue(currency, { sender }) {
    const { issuer } = this.currencies.get(currency);
    this.equal(6, `who issues or redeems ${letters(currency)}`, sender, issuer);
  }

  /** The sender uses an allowance. */
  #mayUse({ from, currency, amount }, { sender, before }) {
    const key = `${currency} ${from} ${sender}`;
    const rest = this.#allowances.get(key) ?? 0n;
    const allowed = before.get(key) ?? rest;
    const what = `the allowance of ${sender} by ${from}`;
    this.check(6, allowed >= amount, what, `at least ${amount}`, allowed);
    this.equal(6, `${what} afterwards`, rest, allowed === UNLIMITED ? allowed : allowed - amount);
  }

  /** The sender owns an account, or is its delegate for this. */
  #owns(id, currency, bit, payee, { sender, call, time }) {
    const owner = this.who.owner(id);
    const delegation =
      owner === sender ? undefined : this.who.delegation(id, sender, currency, bit, payee, time);
    const what = `${call.name} for ${id} by ${sender}`;
    this.check(
      6,
      owner === sender || delegation !== undefined,
      what,
      "owner or delegate",
      "neither",
    );
    if (delegation) this.pay("by a delegate");
  }

  /** Legs are held for their payers, netted positions posted as said. */
  #maySettle({ from, to, amount, currency }, context) {
    const { call, events } = context;
    if (call.name === "affirm") {
      this.equal(6, "whose leg it is", from, call.args.payer);
      return this.#owns(from, currency, HOLD, to, context);
    }
    if (call.name === "affirmSigned") return this.pay("by a signed affirmation");
    const said = ({ name, args }) =>
      name === "NetPosted" &&
      ((args.participant === from && args.net === -amount) ||
        (args.participant === to && args.net === amount));
    this.check(6, events.some(said), `${call.name} from ${from}`, "a net position", amount);
    return this.pay("net position");
  }

  /** Who may post what was held. */
  #mayComplete(record, context) {
    const { sender, call, events } = context;
    if (!sender) return undefined;
    if (!call) return this.pay("by a contract");
    switch (call.name) {
      case "capture":
        return this.#owns(record.to, record.currency, CAPTURE, undefined, context);
      case "decide":
      case "approve":
        return this.#another(call.name, record, sender);
      default: {
        const all = events.some(({ name }) => name === "InstructionSettled");
        const what = `${call.name} of a hold of ${record.from}`;
        return this.check(6, all, what, "a settlement of all legs", call.args);
      }
    }
  }

  #mayRelease(record, context) {
    const { sender, call } = context;
    if (call?.name === "voidHold") {
      this.#owns(record.to, record.currency, CAPTURE, undefined, context);
    } else if (call?.name === "decide") {
      this.#another("decide", record, sender);
    } else if (call?.name === "disapprove") {
      const may =
        this.who.owner(record.from) === sender || this.who.approves(record.account, sender);
      this.check(6, may, `a disapproval for ${record.from}`, "approver or owner", sender);
    }
  }

  /** An officer or approver, and not who gave the order. */
  #another(name, record, sender) {
    const may =
      name === "decide" ? this.who.decides(sender) : this.who.approves(record.account, sender);
    const what = `${name} for ${record.account}`;
    this.check(6, may && sender !== record.initiator, what, "another who may", sender);
  }

  // Invariant 8.

  /** Counts a payment, and checks it against the limits in force. */
  #counted(id, currency, amount, time) {
    if (!this.who.accounts.has(id)) return; // Invariant 7 will say so.
    const limits = this.who.limits(id, currency, time);
    const limited = limits.some((limit) => limit !== NO_LIMIT);
    if (!limited && !this.who.judged(id)) return;
    const { exponent } = this.currencies.get(currency);
    const [day, period] = [time / DAY, time / DAY / 30n];
    const key = `${id} ${currency}`;
    const before = this.#counters.get(key);
    const counted = count(amount, exponent);
    const today = counted + (before?.day === day ? before.today : 0n);
    const month = counted + (before?.period === period ? before.month : 0n);
    this.#counters.set(key, { day, period, today, month });
    for (const [i, [which, sum]] of [
      ["payment", counted],
      ["day", today],
      ["month", month],
    ].entries()) {
      if (limits[i] === NO_LIMIT) continue;
      const most = count(limits[i], exponent);
      this.check(
        8,
        sum <= most,
        `the ${which} of ${id} in ${letters(currency)}`,
        `at most ${most}`,
        sum,
      );
    }
  }

  /** Obligations are counted when they are recorded. */
  #netting(name, args, time) {
    if (name === "CycleOpened") this.#cycles.set(args.id, args.currency);
    if (name === "Obliged") this.#counted(args.from, this.#cycles.get(args.id), args.amount, time);
  }
}
