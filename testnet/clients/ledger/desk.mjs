// A desk of customers: every way in which money moves between them, and every way in which it must not.

import { createPrivateKey, sign } from "node:crypto";
import { concat, toHex } from "viem";
import { HOLD, TRANSFER, orderDigest } from "./orders.mjs";
import { code, faceOf, idOf } from "./chain.mjs";
import { JUDGED, JUDGED_AT_ONCE, Lane, NOTHING } from "./lane.mjs";
import { DELEGATED, THRESHOLD } from "./world.mjs";

/** Most in one payment, and more than anybody has. */
const MUCH = 5_000;
const TOO_MUCH = 1n << 100n;
const REASON = "0x4455504c"; // DUPL

export class Desk extends Lane {
  #holds = [];
  #paid = [];
  #captures = 0;

  constructor(desk, world, follower, random) {
    super(`desk ${desk.number}`, world, follower, random);
    this.desk = desk;
    this.id = Object.fromEntries(Object.entries(desk.accounts).map(([name, { id }]) => [name, id]));
  }

  amount() {
    return this.random.amount(1, MUCH);
  }

  /** Somebody who may be paid, at any desk. */
  payee() {
    const { accounts } = this.random.pick(this.world.desks);
    return accounts[this.random.pick(["M", "O", "R"])].id;
  }

  // What goes through.

  async stepTransfer() {
    const { payer, merchant } = this.desk;
    const { P, R, M } = this.id;
    const pay = (wallet, from, to, wanted) =>
      this.pay(wallet, from, to, this.currency(), this.amount(), wanted);
    const [, paid, ...judged] = await Promise.all([
      pay(payer, P, this.payee()),
      pay(payer, P, M),
      pay(payer, R, M, { or: JUDGED }),
      pay(merchant, M, P, { or: JUDGED }),
    ]);
    this.#paid.push(paid);
    for (const payment of judged) await this.decided(payment);
  }

  /** Several at once, from different keys: they meet in a block. */
  async stepBurst() {
    const { payer, bank } = this.desk;
    const { P, Q } = this.id;
    const payments = Array.from({ length: this.random.number(2, 6) }, () =>
      this.random.chance(50)
        ? this.pay(payer, P, this.payee(), this.currency(), this.amount())
        : this.pay(bank, Q, this.payee(), this.currency(), this.amount()),
    );
    await Promise.all(payments);
  }

  async stepFace() {
    const { payer, other } = this.desk;
    const currency = this.currency();
    const pay = (wallet, payee, sum, wanted) =>
      this.face(wallet, currency, "transfer", [payee, sum], wanted);
    await Promise.all([
      pay(payer, this.payee(), this.amount()),
      pay(payer, this.id.M, 0n),
      pay(other, this.id.M, this.amount(), { or: JUDGED_AT_ONCE }),
    ]);
  }

  async stepAllowance() {
    const { payer, spender } = this.desk;
    const { P, M } = this.id;
    const currency = this.currency();
    const amount = this.amount();
    const unlimited = this.random.chance(20);
    const most = unlimited ? (1n << 256n) - 1n : amount + this.random.amount(0, 10);
    await this.face(payer, currency, "approve", [spender.address, most]);
    await this.face(spender, currency, "transferFrom", [P, M, amount]);
    const short = { refused: ["ERC20InsufficientAllowance"] };
    if (!unlimited) await this.face(spender, currency, "transferFrom", [P, M, most + 1n], short);
    await this.face(payer, currency, "approve", [spender.address, 0n]);
    await this.face(spender, currency, "transferFrom", [P, M, 1n], short);
  }

  async #newHold() {
    const { P, M } = this.id;
    return this.hold(
      this.desk.payer,
      P,
      M,
      this.currency(),
      this.amount() + 10n,
      this.hence(86_400),
    );
  }

  async stepHold() {
    this.#holds.push(await this.#newHold());
  }

  async stepCapture() {
    const hold = this.#holds.pop() ?? (await this.#newHold());
    const { payer, reference, amount, currency } = hold;
    const { merchant, delegate } = this.desk;
    const [one] = this.world.currencies;
    const may = currency === one && this.random.chance(30) ? delegate : merchant;
    const part = this.random.amount(1, Number(amount) - 1);
    await this.ledger(may, "capture", [payer, reference, part]);
    const rest = amount - part;
    const [large, stranger] = [{ refused: ["AmountTooLarge"] }, { refused: ["NotAuthorised"] }];
    await Promise.all([
      this.ledger(may, "capture", [payer, reference, rest + 1n], large),
      this.ledger(this.desk.payer, "capture", [payer, reference, rest], stranger),
    ]);
    const all = (this.#captures += 1) % 3 !== this.desk.number % 3;
    if (all) await this.ledger(may, "capture", [payer, reference, rest]);
    else await this.ledger(merchant, "voidHold", [payer, reference]);
    const ended = { refused: ["InvalidTransferStatus"] };
    await this.ledger(merchant, "capture", [payer, reference, 1n], ended);
    this.#paid.push({ ...hold, amount: all ? amount : part, given: 0n });
  }

  async stepVoid() {
    const { payer, reference } = this.#holds.pop() ?? (await this.#newHold());
    const { merchant, payer: owner } = this.desk;
    await this.ledger(owner, "voidHold", [payer, reference], { refused: ["NotAuthorised"] });
    await this.ledger(merchant, "voidHold", [payer, reference]);
    await this.ledger(merchant, "voidHold", [payer, reference], {
      refused: ["InvalidTransferStatus"],
    });
  }

  /** A hold that its payee may capture up to its last second, and anybody may end after it. */
  async stepExpiry() {
    const { payer, merchant } = this.desk;
    const { P, M } = this.id;
    // On a slow machine the time is over before it is used: then there is more of it.
    for (let seconds = 3; ; seconds *= 2) {
      const last = this.hence(seconds);
      const wanted = { or: ["InvalidExpiry"] };
      const hold = await this.hold(payer, P, M, this.currency(), 100n, last, wanted);
      if (hold.outcome.status !== "0x1") continue;
      const { reference } = hold;
      await this.ledger(merchant, "capture", [P, reference, 40n], { or: ["Expired"] });
      const early = { or: ["NotExpired"] };
      const { error } = await this.ledger(merchant, "expire", [P, reference], early);
      if (error === undefined) continue;
      await this.past(last);
      await this.ledger(merchant, "capture", [P, reference, 1n], { refused: ["Expired"] });
      await this.ledger(this.world.stranger, "expire", [P, reference]);
      const more = [this.random.reference(), P, reference, 41n, REASON];
      await this.ledger(merchant, "reverse", more, { refused: ["AmountTooLarge"] });
      return;
    }
  }

  async stepReversal() {
    const { merchant, payer } = this.desk;
    const { P, M } = this.id;
    const paid =
      this.#paid.pop() ?? (await this.pay(payer, P, M, this.currency(), this.amount() + 1n));
    const rest = paid.amount - paid.given;
    const back = (amount, wanted, wallet = merchant) => {
      const args = [this.random.reference(), paid.payer, paid.reference, amount, REASON];
      return this.ledger(wallet, "reverse", args, wanted);
    };
    await Promise.all([
      back(rest + 1n, { refused: ["AmountTooLarge"] }),
      back(rest, { refused: ["NotAuthorised"] }, payer),
    ]);
    const part = this.random.amount(1, Number(rest));
    await back(part);
    if (part < rest) this.#paid.push({ ...paid, given: paid.given + part });
    else await back(1n, { refused: ["AmountTooLarge"] });
  }

  /** One bad order does not stop the rest, and its reference stays used up. */
  async stepBatch() {
    const { payer } = this.desk;
    const { P, R, M, O } = this.id;
    const currency = this.currency();
    const good = Array.from({ length: this.random.number(2, 5) }, () =>
      this.order(
        this.random.pick([TRANSFER, TRANSFER, HOLD]),
        P,
        this.payee(),
        currency,
        this.amount(),
      ),
    );
    const kept = [
      this.order(TRANSFER, P, M, currency, 0n),
      this.order(TRANSFER, P, M, currency, TOO_MUCH),
      this.order(TRANSFER, P, P, currency, 1n),
    ];
    const strange = [
      this.order(TRANSFER, O, M, currency, 1n),
      this.order(TRANSFER, P, this.random.bytes(20), currency, 1n),
      this.order(9, P, M, currency, 1n),
    ];
    const orders = this.random.shuffled([...good, ...kept, ...strange]);
    const outcome = await this.many(payer, "batch", orders);
    this.exactly(
      outcome,
      orders.filter((order) => good.includes(order)),
    );
    await this.many(payer, "batch", [this.order(TRANSFER, R, M, currency, this.amount())]);
    // A failed reference stays failed.
    const { clientReference, from, to, amount, endToEndId, payloadHash } = kept[1];
    const again = [clientReference, from, to, currency, amount, endToEndId, payloadHash];
    this.nothing(await this.ledger(payer, "transfer", again));
    this.nothing(await this.many(payer, "batch", kept));
    again[4] = 1n;
    await this.ledger(payer, "transfer", again, { refused: ["ReferenceConflict"] });
  }

  async stepAtomic() {
    const { payer } = this.desk;
    const { P, M } = this.id;
    const currency = this.currency();
    const good = Array.from({ length: this.random.number(2, 5) }, () =>
      this.order(this.random.pick([TRANSFER, HOLD]), P, this.payee(), currency, this.amount()),
    );
    const bad = this.order(TRANSFER, P, M, currency, TOO_MUCH);
    await this.many(payer, "atomic", [...good, bad], { refused: ["ItemRefused"] });
    this.exactly(await this.many(payer, "atomic", good), good);
  }

  async stepReplay() {
    const { payer } = this.desk;
    const { P, M } = this.id;
    const { args } = await this.pay(payer, P, M, this.currency(), this.amount());
    const change = this.random.pick([
      [2, this.id.O],
      [4, args[4] + 1n],
      [5, this.random.bytes(32)],
      [6, this.random.bytes(32)],
      [3, this.world.currencies.find((currency) => currency !== args[3])],
    ]);
    const other = args.with(...change);
    const hold = [...args.slice(0, 5), this.hence(100), ...args.slice(5)];
    const conflict = { refused: ["ReferenceConflict"] };
    const [once, , , twice] = await Promise.all([
      this.ledger(payer, "transfer", args),
      this.ledger(payer, "transfer", other, conflict),
      this.ledger(payer, "hold", hold, conflict),
      this.ledger(payer, "transfer", args),
    ]);
    this.nothing(once);
    this.nothing(twice);
  }

  async stepSigned() {
    const { signer, passkey, payer } = this.desk;
    const { P, M } = this.id;
    const currency = this.currency();
    const order = (amount = this.amount()) => this.order(TRANSFER, P, M, currency, amount);
    const never = this.hence(3_600);
    const plain = async (order, validAfter = 0n, validBefore = 0n, by = signer, signed = order) => {
      const hash = orderDigest(this.world.chainId, signed, validAfter, validBefore);
      return { order, validAfter, validBefore, scheme: 1, proof: await by.account.sign({ hash }) };
    };
    const touched = (order) => {
      const digest = orderDigest(this.world.chainId, order, 0n, 0n);
      const key = createPrivateKey({ key: passkey.jwk, format: "jwk" });
      const message = Buffer.from(digest.slice(2), "hex");
      const signature = toHex(sign("sha256", message, { key, dsaEncoding: "ieee-p1363" }));
      return {
        order,
        validAfter: 0n,
        validBefore: 0n,
        scheme: 2,
        proof: concat([passkey.publicKey, signature]),
      };
    };
    const good = [await plain(order()), touched(order()), await plain(order(), 1n, never)];
    const raised = order(1n);
    const bad = [
      await plain({ ...raised, amount: 2n }, 0n, 0n, signer, raised),
      await plain(order(), 0n, 0n, payer),
      await plain(order(), never, 0n),
      await plain(order(), 0n, 1n),
      { ...touched(order()), proof: good[1].proof },
    ];
    const all = this.random.shuffled([...good, ...bad]);
    const outcome = await this.many(this.world.stranger, "submit", all);
    this.exactly(
      outcome,
      all.filter((signed) => good.includes(signed)).map(({ order }) => order),
    );
    this.nothing(await this.many(this.world.stranger, "submit", good));
  }

  async stepDelegate() {
    const { delegate, bank } = this.desk;
    const { P, M, O } = this.id;
    const [one, two] = this.world.currencies;
    const stranger = { refused: ["NotAuthorised"] };
    await Promise.all([
      this.pay(delegate, P, this.payee(), one, this.random.amount(1, 100)),
      this.pay(delegate, P, M, one, DELEGATED + 1n, { refused: ["LimitExceeded"] }),
      this.pay(delegate, P, M, two, this.amount()),
      this.pay(delegate, P, O, two, 1n, stranger),
      this.pay(bank, P, M, one, 1n, stranger),
      this.ledger(delegate, "redeem", [this.random.reference(), P, one, 1n], stranger),
    ]);
  }

  async stepReview() {
    const { payer, merchant } = this.desk;
    const { P, X } = this.id;
    const currency = this.currency();
    const payment = await this.pay(payer, P, X, currency, this.amount());
    await this.ledger(merchant, "decide", [P, payment.reference, true], {
      refused: ["NotAuthorised"],
    });
    this.nothing(await this.ledger(payer, "transfer", payment.args));
    await this.decided(payment, true);
    await this.decided(await this.pay(payer, P, X, currency, this.amount()), false);
    await this.face(payer, currency, "transfer", [X, 1n], { refused: ["ReviewRequired"] });
    const hold = await this.hold(payer, P, X, currency, this.amount(), this.hence(86_400));
    await this.ledger(merchant, "capture", [P, hold.reference, 1n], {
      refused: ["InvalidTransferStatus"],
    });
    if (await this.decided(hold)) await this.ledger(merchant, "capture", [P, hold.reference, 1n]);
  }

  async stepApproval() {
    const { payer, approver, bank } = this.desk;
    const { A, M } = this.id;
    const { reference } = await this.pay(payer, A, M, this.currency(), THRESHOLD + this.amount());
    await this.pay(payer, A, M, this.currency(), this.amount());
    await this.ledger(payer, "approve", [A, reference], { refused: ["NotAuthorised"] });
    await this.ledger(approver, "approve", [A, reference]);
    await this.ledger(approver, "approve", [A, reference], { refused: ["AlreadyApproved"] });
    const [end, other] = this.random.shuffled(["approve", "disapprove"]);
    await this.ledger(bank, end, [A, reference]);
    await this.ledger(bank, end, [A, reference], { refused: ["InvalidTransferStatus"] });
    const second = await this.pay(payer, A, M, this.currency(), THRESHOLD);
    if (other === "approve") await this.ledger(approver, "approve", [A, second.reference]);
    await this.ledger(bank, other, [A, second.reference]);
  }

  /** Delivery against payment: both legs or none. */
  async stepSettlement() {
    const { payer, bank } = this.desk;
    const { P, Q } = this.id;
    const [one, two] = this.world.currencies;
    const legs = [
      { payer: P, payee: Q, currency: one, amount: this.amount() },
      { payer: Q, payee: P, currency: two, amount: this.amount() },
    ];
    const instruct = async () => {
      const reference = this.random.reference();
      await this.settlement(this.world.stranger, "instruct", [
        reference,
        legs,
        this.hence(86_400),
        NOTHING,
      ]);
      return idOf(this.world.stranger.address, reference);
    };
    const done = await instruct();
    const { events } = await this.settlement(payer, "affirm", [done, P]);
    // What is held for a leg is not the payee's alone to take.
    const { clientReference } = events.find(({ name }) => name === "Held").args;
    const engines = { refused: ["InvalidReference"] };
    await Promise.all([
      this.ledger(bank, "capture", [P, clientReference, 1n], engines),
      this.ledger(bank, "voidHold", [P, clientReference], engines),
      this.settlement(payer, "affirm", [done, Q], { refused: ["NotAuthorised"] }),
      this.settlement(payer, "affirm", [done, P], { refused: ["NothingToAffirm"] }),
    ]);
    await this.settlement(bank, "affirm", [done, Q]);
    const cancelled = await instruct();
    await this.settlement(bank, "affirm", [cancelled, Q]);
    await this.settlement(payer, "cancel", [cancelled]);
    await this.settlement(payer, "affirm", [cancelled, P], { refused: ["InstructionNotOpen"] });
  }

  async stepNetting() {
    const { payer, bank } = this.desk;
    const { P, Q, T, M } = this.id;
    const reference = this.random.reference();
    await this.settlement(bank, "openCycle", [reference, T, this.currency(), [P, Q]]);
    const cycle = idOf(bank.address, reference);
    const oblige = (wallet, from, to, amount, wanted) =>
      this.settlement(wallet, "oblige", [cycle, this.random.reference(), from, to, amount], wanted);
    const stranger = { refused: ["NotAuthorised"] };
    await Promise.all([
      oblige(payer, P, Q, this.amount()),
      oblige(bank, Q, P, this.amount()),
      oblige(bank, P, Q, 1n, stranger),
      oblige(payer, P, M, 1n, { refused: ["NotAParticipant"] }),
      this.settlement(payer, "closeCycle", [cycle], stranger),
    ]);
    await this.settlement(bank, "closeCycle", [cycle]);
    await this.settlement(bank, "closeCycle", [cycle], { refused: ["InstructionNotOpen"] });
  }

  // What must not.

  async stepWrong() {
    const { payer, spender } = this.desk;
    const { P, M, B } = this.id;
    const currency = this.currency();
    const refused = (error) => ({ refused: [error] });
    const pay = (error, to, sum, of = currency, wallet = payer) =>
      this.pay(wallet, P, to, of, sum, refused(error));
    const short = refused("ERC20InsufficientBalance");
    const face = (sum) => this.face(payer, currency, "transfer", [M, sum], short);
    const ledger = (error, name, ...args) => this.ledger(payer, name, args, refused(error));
    const raw = (error, request) =>
      this.sender.send(payer, { to: faceOf(currency), gas: 100_000n, ...request }, refused(error));
    const reserved = this.random.pick(["00", "ff", "fffffffe", "ffffff00"]);
    const engines = `0x${reserved.padEnd(32, reserved.slice(-2))}`;
    await Promise.all([
      pay("InsufficientFunds", M, TOO_MUCH),
      pay("NotAuthorised", M, 1n, currency, spender),
      pay("UnknownAccount", this.random.bytes(20), 1n),
      pay("UnknownCurrency", M, 1n, code("ZZZ")),
      pay("ZeroAmount", M, 0n),
      pay("SameAccount", P, 1n),
      pay("CorridorBlocked", B, 1n),
      face(TOO_MUCH),
      face((1n << 200n) + 1n),
      this.hold(payer, P, M, currency, 1n, 1n, refused("InvalidExpiry")),
      ledger("InvalidReference", "transfer", engines, P, M, currency, 1n, NOTHING, NOTHING),
      ledger("TransferNotFound", "capture", P, this.random.reference(), 1n),
      ledger("NotAuthorised", "issue", this.random.reference(), P, currency, 1n),
      raw("MalformedCall", { data: "0xa9059cbb00" }),
      raw("ValueNotAccepted", { data: "0x18160ddd", value: 1n }),
    ]);
  }

  /** Gas that ends in the middle of a payment: nothing of it stays. */
  async stepGas() {
    const { payer } = this.desk;
    const { P, M } = this.id;
    const args = [this.random.reference(), P, M, this.currency(), this.amount(), ...this.memo()];
    const ends = { refused: ["out of gas"] };
    await this.ledger(payer, "transfer", args, ends, this.random.amount(34_000, 44_000));
    await this.ledger(
      payer,
      "transfer",
      args,
      { or: ends.refused },
      this.random.amount(44_000, 130_000),
    );
    await this.ledger(payer, "transfer", args);
  }
}
