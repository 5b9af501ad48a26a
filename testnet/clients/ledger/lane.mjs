// A lane of payments: one step after the other, drawn from a sequence of its own, beside other lanes.

import { LEDGER, SETTLEMENT, faceOf, idOf, sleep } from "./chain.mjs";
import { HOLD } from "./orders.mjs";
import { GAS_OF_ITEM } from "./send.mjs";

export const NOTHING = `0x${"0".repeat(64)}`;

const UNDER_REVIEW = 2;

/** What the risk rules may say to a customer's payment, depending on what went before. */
export const JUDGED = ["RiskRejected"];
export const JUDGED_AT_ONCE = ["RiskRejected", "ReviewRequired"];

export class Lane {
  constructor(name, world, follower, random) {
    Object.assign(this, { name, world, follower, random, sender: world.sender });
  }

  /** Every step once, in a random order, then any, until it is time to stop. */
  async run(time) {
    const steps = Object.getOwnPropertyNames(Object.getPrototypeOf(this)).filter((name) =>
      /^step/.test(name),
    );
    const once = this.random.shuffled(steps);
    while (once.length > 0 || time()) {
      const step = once.pop() ?? this.random.pick(steps);
      try {
        await this[step]();
      } catch (error) {
        error.message = `${this.name}, ${step.slice(4)}: ${error.message}`;
        throw error;
      }
    }
  }

  /** A second so much later than now, on the clock of the chain. */
  hence(seconds) {
    const wall = BigInt(Math.floor(Date.now() / 1000));
    return (wall > this.follower.time ? wall : this.follower.time) + BigInt(seconds);
  }

  /** Waits until blocks are later than a second. */
  async past(second) {
    while (this.follower.time <= second && Date.now() < Number(second) * 1000 + 1500)
      await sleep(100);
  }

  currency() {
    return this.random.pick(this.world.currencies);
  }

  /** Sometimes with a memo, sometimes without. */
  memo() {
    return [this.random.bytes(32), this.random.bytes(32)].map((word) =>
      this.random.chance(50) ? word : NOTHING,
    );
  }

  ledger(wallet, name, args, wanted, gas) {
    return this.sender.call(wallet, LEDGER, name, args, wanted, gas);
  }

  settlement(wallet, name, args, wanted) {
    return this.sender.call(wallet, SETTLEMENT, name, args, wanted);
  }

  face(wallet, currency, name, args, wanted) {
    return this.sender.call(wallet, faceOf(currency), name, args, wanted);
  }

  /** A payment: what it was, with what came of it. */
  async pay(wallet, payer, payee, currency, amount, wanted) {
    const reference = this.random.reference();
    const args = [reference, payer, payee, currency, amount, ...this.memo()];
    const outcome = await this.ledger(wallet, "transfer", args, wanted);
    return { args, reference, payer, payee, currency, amount, outcome, given: 0n };
  }

  async hold(wallet, payer, payee, currency, amount, expires, wanted) {
    const reference = this.random.reference();
    const args = [reference, payer, payee, currency, amount, expires, ...this.memo()];
    const outcome = await this.ledger(wallet, "hold", args, wanted);
    return { args, reference, payer, payee, currency, amount, outcome, captured: 0n };
  }

  order(kind, from, to, currency, amount) {
    const [endToEndId, payloadHash] = this.memo();
    const expires = kind === HOLD ? this.hence(86_400) : 0n;
    const clientReference = this.random.reference();
    return { clientReference, kind, from, to, currency, amount, expires, endToEndId, payloadHash };
  }

  many(wallet, name, orders, wanted) {
    return this.ledger(
      wallet,
      name,
      [orders],
      wanted,
      600_000n + GAS_OF_ITEM * BigInt(orders.length),
    );
  }

  /** Whether a payment waits for an officer. */
  waits({ status, events }, payer, reference) {
    const id = idOf(payer, reference);
    return (
      status === "0x1" &&
      events.some(
        ({ name, args }) => name === "Held" && args.id === id && args.status === UNDER_REVIEW,
      )
    );
  }

  /** Lets an officer decide on a payment, if one must. Answers whether the payment stands. */
  async decided({ outcome, payer, reference }, accept = this.random.chance(60)) {
    if (!this.waits(outcome, payer, reference)) return outcome.status === "0x1";
    await this.ledger(this.random.pick(this.world.officers), "decide", [payer, reference, accept]);
    return accept;
  }

  /** Exactly these orders of a call were carried out. */
  exactly({ events, number }, orders) {
    const names = ["Settled", "Held"];
    const found = events
      .filter(({ address, name }) => address === LEDGER && names.includes(name))
      .map(({ args }) => args.id);
    const wanted = orders.map(({ from, clientReference }) => idOf(from, clientReference));
    if (found.join() !== wanted.join()) {
      throw new Error(`block ${number}: expected postings ${wanted}, found ${found}`);
    }
  }

  /** A call that went through and did nothing. */
  nothing({ events, number }) {
    if (events.length > 0)
      throw new Error(`block ${number}: expected no event of a replay, found ${events.length}`);
  }
}
