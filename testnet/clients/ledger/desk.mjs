// A desk of customers: every way in which money moves between them, and every way in which it must not.

import { createPrivateKey, sign } from "node:crypto";
import { concat, toHex } from "viem";
import { HOLD, TRANSFER, orderDigest } from "./orders.mjs";
import { faceOf, idOf } from "./chain.mjs";
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
    await this.pay(payer, P, this.payee(), this.currency(), this.amount());
    this.#paid.push(await this.pay(payer, P, M, this.currency(), this.amount()));
    await this.decided(await this.pay(payer, R, M, this.currency(), this.amount(), { or: JUDGED }));
    await this.decided(await this.pay(merchant, M, P, this.currency(), 1n, { or: JUDGED }));
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
    await this.face(payer, currency, "transfer", [this.payee(), this.amount()]);
    await this.face(payer, currency, "transfer", [this.id.M, 0n]);
    await this.face(other, currency, "transfer", [this.id.M, this.amount()], {
      or: JUDGED_AT_ONCE,
    });
  }

  async stepAllowance() {
    const { payer, spender } = this.desk;
    const { P, M } = this.id;
    const currency = this.currency();
    const amount = this.amount();
    const most = this.random.chance(20) ? (1n << 256n) - 1n : amount + this.random.amount(0, 10);
    await this.face(payer, currency, "approve", [spender.address, most]);
    await this.face(spender, currency, "transferFrom", [P, M, amount]);
    const short = { refused: ["ERC20InsufficientAllowance"] };
    if (most !== (1n << 256n) - 1n)
      await this.face(spender, currency, "transferFrom", [P, M, most + 1n], short);
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
    await this.ledger(may, "capture", [payer, reference, rest + 1n], {
      refused: ["AmountTooLarge"],
    });
    await this.ledger(this.desk.payer, "capture", [payer, reference, rest], {
      refused: ["NotAuthorised"],
    });
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
    await back(rest + 1n, { refused: ["AmountTooLarge"] });
    await back(rest, { refused: ["NotAuthorised"] }, payer);
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
    this.nothing(await this.ledger(payer, "transfer", args));
    const change = this.random.pick([
      [2, this.id.O],
      [4, args[4] + 1n],
      [5, this.random.bytes(32)],
      [6, this.random.bytes(32)],
      [3, this.world.currencies.find((currency) => currency !== args[3])],
    ]);
    const other = args.with(...change);
    await this.ledger(payer, "transfer", other, { refused: ["ReferenceConflict"] });
    const hold = [...args.slice(0, 5), this.hence(100), ...args.slice(5)];
    await this.ledger(payer, "hold", hold, { refused: ["ReferenceConflict"] });
    this.nothing(await this.ledger(payer, "transfer", args));
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
    await this.pay(delegate, P, this.payee(), one, this.random.amount(1, 100));
    await this.pay(delegate, P, M, one, DELEGATED + 1n, { refused: ["LimitExceeded"] });
    await this.pay(delegate, P, M, two, this.amount());
    await this.pay(delegate, P, O, two, 1n, { refused: ["NotAuthorised"] });
    await this.pay(bank, P, M, one, 1n, { refused: ["NotAuthorised"] });
    const args = [this.random.reference(), P, one, 1n];
    await this.ledger(delegate, "redeem", args, { refused: ["NotAuthorised"] });
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
    await this.ledger(bank, "capture", [P, clientReference, 1n], { refused: ["InvalidReference"] });
    await this.ledger(bank, "voidHold", [P, clientReference], { refused: ["InvalidReference"] });
    await this.settlement(payer, "affirm", [done, Q], { refused: ["NotAuthorised"] });
    await this.settlement(payer, "affirm", [done, P], { refused: ["NothingToAffirm"] });
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
    await oblige(payer, P, Q, this.amount());
    await oblige(bank, Q, P, this.amount());
    await oblige(bank, P, Q, 1n, { refused: ["NotAuthorised"] });
    await oblige(payer, P, M, 1n, { refused: ["NotAParticipant"] });
    await this.settlement(payer, "closeCycle", [cycle], { refused: ["NotAuthorised"] });
    await this.settlement(bank, "closeCycle", [cycle]);
    await this.settlement(bank, "closeCycle", [cycle], { refused: ["InstructionNotOpen"] });
  }

  // What must not.

  async stepWrong() {
    const { payer, spender } = this.desk;
    const { P, M, B } = this.id;
    const currency = this.currency();
    const pay = (args, error) => this.pay(...args, { refused: [error] });
    await pay([payer, P, M, currency, TOO_MUCH], "InsufficientFunds");
    await pay([spender, P, M, currency, 1n], "NotAuthorised");
    await pay([payer, P, this.random.bytes(20), currency, 1n], "UnknownAccount");
    await pay([payer, P, M, "0x5a5a5a", 1n], "UnknownCurrency");
    await pay([payer, P, M, currency, 0n], "ZeroAmount");
    await pay([payer, P, P, currency, 1n], "SameAccount");
    await pay([payer, P, B, currency, 1n], "CorridorBlocked");
    const refused = (error) => ({ refused: [error] });
    const short = refused("ERC20InsufficientBalance");
    await this.face(payer, currency, "transfer", [M, TOO_MUCH], short);
    await this.face(payer, currency, "transfer", [M, (1n << 200n) + 1n], short);
    await this.hold(payer, P, M, currency, 1n, 1n, refused("InvalidExpiry"));
    const engines = [
      `0x${"0".repeat(32)}`,
      `0x${"f".repeat(32)}`,
      `0xfffffffe${"1".repeat(24)}`,
      `0xffffff${"0".repeat(26)}`,
    ];
    const reserved = [this.random.pick(engines), P, M, currency, 1n, NOTHING, NOTHING];
    await this.ledger(payer, "transfer", reserved, refused("InvalidReference"));
    const nowhere = [P, this.random.reference(), 1n];
    await this.ledger(payer, "capture", nowhere, refused("TransferNotFound"));
    const issued = [this.random.reference(), P, currency, 1n];
    await this.ledger(payer, "issue", issued, refused("NotAuthorised"));
    const malformed = { to: faceOf(currency), data: "0xa9059cbb00", gas: 100_000n };
    await this.sender.send(payer, malformed, refused("MalformedCall"));
    const valued = { to: faceOf(currency), data: "0x18160ddd", gas: 100_000n, value: 1n };
    await this.sender.send(payer, valued, refused("ValueNotAccepted"));
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
