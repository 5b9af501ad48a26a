// The lanes beside the desks: issuer, officers, an account with limits, and the development network's own
// accounts.

import { ACCOUNTS, COMPLIANCE } from "./chain.mjs";
import { JUDGED, JUDGED_AT_ONCE, Lane } from "./lane.mjs";
import { NO_LIMIT } from "./who.mjs";
import { INSTITUTION } from "./world.mjs";

const [DORMANT, ACTIVE, CLOSED] = [3, 2, 5];
const [DEBIT, CREDIT, BOTH] = [1, 2, 3];
const REASON = "0x4c45474c"; // LEGL
/** Accounts that a run opens to close them: every one is looked at in every block. */
const MOST_CLOSED = 60;
const DAY = 86_400n;

export class Issuer extends Lane {
  async stepIssue() {
    const { world } = this;
    const currency = this.currency();
    const { accounts } = this.random.pick(world.desks);
    const to = accounts[this.random.pick(["P", "Q", "O", "A"])].id;
    const reference = this.random.reference();
    const amount = this.random.amount(1, 1_000_000);
    await world.issue(to, currency, amount, reference);
    this.nothing(await world.issue(to, currency, amount, reference));
    await world.issue(to, currency, amount + 1n, reference, { refused: ["ReferenceConflict"] });
    const above = 1n << 90n;
    await world.issue(to, currency, above, this.random.reference(), {
      refused: ["SupplyCapExceeded"],
    });
  }

  async stepRedemption() {
    const { world } = this;
    const currency = this.currency();
    const amount = this.random.amount(1, 1_000);
    const redeem = (from, sum, wanted, reference = this.random.reference()) =>
      this.ledger(world.issuer, "redeem", [reference, from, currency, sum], wanted);
    const reference = this.random.reference();
    await redeem(world.treasury, amount, {}, reference);
    this.nothing(await redeem(world.treasury, amount, {}, reference));
    await redeem(world.treasury, 1n << 100n, { refused: ["InsufficientFunds"] });
    // Money of others is not the issuer's to destroy.
    await redeem(world.desks[0].accounts.P.id, 1n, { refused: ["NotAuthorised"] });
  }

  async stepSupply() {
    const { world } = this;
    const payee = this.random.pick(world.desks).accounts.P.id;
    await this.face(world.issuer, this.currency(), "transfer", [
      payee,
      this.random.amount(1, 1_000),
    ]);
  }
}

export class Officers extends Lane {
  #closed = 0;
  #enrolled = false;

  get #account() {
    return this.world.rest.frozen.address;
  }

  #freeze(sides, until = 0n, wanted = {}) {
    const args = [this.#account, sides, REASON, this.random.bytes(32), until];
    return this.sender.call(this.world.officers[0], COMPLIANCE, "freeze", args, wanted);
  }

  #release(officer, wanted) {
    return this.sender.call(
      this.world.officers[officer],
      COMPLIANCE,
      "release",
      [this.#account],
      wanted,
    );
  }

  #out(wanted) {
    const { frozen } = this.world.rest;
    const { M } = this.world.desks[0].accounts;
    return this.pay(
      frozen,
      frozen.address,
      M.id,
      this.currency(),
      this.random.amount(1, 100),
      wanted,
    );
  }

  #in(wanted) {
    const { payer, accounts } = this.world.desks[0];
    return this.pay(
      payer,
      accounts.P.id,
      this.#account,
      this.currency(),
      this.random.amount(1, 100),
      wanted,
    );
  }

  async stepFreeze() {
    const { frozen } = this.world.rest;
    const { merchant, accounts } = this.world.desks[0];
    const currency = this.currency();
    const [account, payee] = [frozen.address, accounts.M.id];
    const held = await this.hold(frozen, account, payee, currency, 50n, this.hence(86_400));
    const sides = this.random.pick([DEBIT, CREDIT, BOTH]);
    await this.#freeze(sides);
    const stopped = { refused: ["Frozen"] };
    const [debit, credit] = [DEBIT, CREDIT].map((side) => (sides & side ? stopped : {}));
    await this.#out(debit);
    await this.face(frozen, currency, "transfer", [payee, 1n], debit);
    await this.ledger(merchant, "capture", [account, held.reference, 20n], debit);
    await this.#in(credit);
    await this.#release(0);
    await this.#out(debit);
    await this.#release(0, { refused: ["SecondOfficerNeeded"] });
    await this.#release(1);
    await this.#release(1, { refused: ["NotFrozen"] });
    await this.ledger(merchant, "capture", [account, held.reference, 1n]);
    await this.ledger(merchant, "voidHold", [account, held.reference]);
    await this.#out();
    await this.#in();
  }

  /** A freeze that ends by itself. */
  async stepFreezeForAWhile() {
    const last = this.hence(3);
    const { status } = await this.#freeze(BOTH, last, { or: ["InvalidFreeze"] });
    if (status !== "0x1") return; // The machine is slow: it took more than three seconds.
    const { outcome } = await this.#out({ or: ["Frozen"] });
    const late = outcome.time > last;
    if (outcome.status === "0x1" && !late)
      throw new Error(`paid at ${outcome.time}, frozen until ${last}`);
    await this.past(last);
    await this.#out();
    await this.#in();
    // Its record is still there: two officers take it away.
    await this.#release(1);
    await this.#release(0);
  }

  async stepClose() {
    if (this.#closed === MOST_CLOSED) return;
    this.#closed += 1;
    const { world, sender } = this;
    const { leaver } = world.rest;
    const { payer, accounts } = world.desks[0];
    const currency = this.currency();
    const id = world.name();
    const status = (number, wanted) =>
      sender.call(world.registrar, ACCOUNTS, "setStatus", [id, number], wanted);
    await world.open(id, leaver.address, INSTITUTION);
    await this.pay(payer, accounts.P.id, id, currency, 30n);
    await status(DORMANT);
    await this.pay(leaver, id, accounts.M.id, currency, 1n, { refused: ["AccountNotActive"] });
    await status(ACTIVE);
    await status(CLOSED, { refused: ["AccountNotEmpty"] });
    await this.pay(leaver, id, accounts.M.id, currency, 30n);
    await status(CLOSED);
    const closed = { refused: ["AccountNotActive"] };
    await this.pay(payer, accounts.P.id, id, currency, 1n, closed);
    await this.pay(leaver, id, accounts.M.id, currency, 1n, closed);
    await world.issue(id, currency, 1n, this.random.reference(), closed);
    await status(ACTIVE, { refused: ["InvalidStatus"] });
  }

  async stepEnrol() {
    if (this.#enrolled) return;
    this.#enrolled = true;
    const { world, sender } = this;
    const { newcomer } = world.rest;
    const { payer, accounts } = world.desks[0];
    const [currency] = world.currencies;
    await sender.call(newcomer, ACCOUNTS, "enrol", [INSTITUTION, "0x5841", currency]);
    const id = newcomer.address;
    await this.pay(payer, accounts.P.id, id, currency, 1n, { refused: ["AccountNotActive"] });
    await sender.call(world.registrar, ACCOUNTS, "setStatus", [id, ACTIVE]);
    await this.pay(payer, accounts.P.id, id, currency, 5n);
    await this.pay(newcomer, id, accounts.P.id, currency, 5n);
  }
}

/** An account that pays up to its limits, its own and its tier's, and tries to pass them. */
export class Limits extends Lane {
  #today = new Map();
  #period = new Map();
  #day;

  /** A payment within the limits, or one that must be refused unless a new day has begun meanwhile. */
  async #pay(currency, amount, within) {
    const { limited } = this.world.rest;
    const { M } = this.world.desks[0].accounts;
    const hold = this.random.chance(30);
    const args = [limited, limited.address, M.id, currency, amount];
    const wanted = within ? {} : { or: ["LimitExceeded"] };
    const { outcome } = await (hold
      ? this.hold(...args, this.hence(86_400), wanted)
      : this.pay(...args, wanted));
    const day = outcome.time / DAY;
    const before = this.#day ?? day;
    this.#day = day;
    if (before !== day) this.#today.clear();
    if (before / 30n !== day / 30n) this.#period.clear();
    if (outcome.status !== "0x1") return;
    if (!within && before === day)
      throw new Error(`expected LimitExceeded for ${amount}, found success`);
    for (const sums of [this.#today, this.#period])
      sums.set(currency, (sums.get(currency) ?? 0n) + amount);
  }

  #own(currency, ...limits) {
    const account = this.world.rest.limited.address;
    return this.sender.call(this.world.registrar, ACCOUNTS, "setLimits", [
      account,
      currency,
      ...limits,
    ]);
  }

  async #upTo(currency) {
    await this.#pay(currency, 600n, true);
    await this.#pay(currency, 600n, false);
    await this.#pay(currency, 400n, true);
    await this.#pay(currency, 1n, false);
  }

  async stepPayment() {
    const currency = this.currency();
    await this.#own(currency, 500n, NO_LIMIT, NO_LIMIT);
    await this.#pay(currency, 500n, true);
    await this.#pay(currency, 501n, false);
  }

  async stepDay() {
    const currency = this.currency();
    await this.#own(currency, NO_LIMIT, (this.#today.get(currency) ?? 0n) + 1_000n, NO_LIMIT);
    await this.#upTo(currency);
  }

  async stepThirtyDays() {
    const currency = this.currency();
    await this.#own(currency, NO_LIMIT, NO_LIMIT, (this.#period.get(currency) ?? 0n) + 1_000n);
    await this.#upTo(currency);
  }

  /** The tier's limits are tighter than the account's own. */
  async stepTier() {
    const [, currency] = this.world.currencies;
    const account = this.world.rest.limited.address;
    const [officer] = this.world.officers;
    const most = (this.#today.get(currency) ?? 0n) + 1_000n;
    const set = (name, args) => this.sender.call(officer, COMPLIANCE, name, args);
    await this.#own(currency, NO_LIMIT, most + 5_000n, NO_LIMIT);
    await set("setTierLimits", [currency, 3, NO_LIMIT, most, NO_LIMIT]);
    await set("setTier", [account, 3, 0n]);
    await this.#upTo(currency);
    await set("setTier", [account, 0, 0n]);
    await this.#pay(currency, 10n, true);
  }
}

/** Customers whom the risk rules judge: what they ask may be reviewed or refused. */
export class Customers extends Lane {
  #pair() {
    const [one, two] = this.random.shuffled(this.mine);
    return [one, two];
  }

  get #money() {
    return this.random.pick(["0x555344", "0x455552"]);
  }

  amount() {
    return this.random.amount(1, 300);
  }

  async stepCustomer() {
    const [payer, payee] = this.#pair();
    const wanted = { or: [...JUDGED, "InsufficientFunds", "LimitExceeded"] };
    const args = [payer, payer.address, payee.address, this.#money, this.amount()];
    await this.decided(await this.pay(...args, wanted));
  }

  async stepCustomerFace() {
    const [payer, payee] = this.#pair();
    const wanted = { or: [...JUDGED_AT_ONCE, "ERC20InsufficientBalance", "LimitExceeded"] };
    await this.face(payer, this.#money, "transfer", [payee.address, this.amount()], wanted);
  }

  async stepCustomerHold() {
    const [payer, payee] = this.#pair();
    const wanted = { or: [...JUDGED, "InsufficientFunds", "LimitExceeded"] };
    const args = [
      payer,
      payer.address,
      payee.address,
      this.#money,
      this.amount(),
      this.hence(86_400),
    ];
    const hold = await this.hold(...args, wanted);
    if (!(await this.decided(hold))) return;
    await this.ledger(payee, "capture", [hold.payer, hold.reference, 1n]);
    const given = hold.amount > 1n ? {} : { refused: ["InvalidTransferStatus"] };
    await this.ledger(payee, "voidHold", [hold.payer, hold.reference], given);
  }
}
