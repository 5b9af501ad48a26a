// Random calls, valid and invalid, of each engine that has a double.

import { concat, decodeFunctionResult, encodeDeployData, encodeFunctionData, toHex } from "viem";
import {
  abiAt,
  ACCESS,
  ACCOUNTS,
  CHEATS,
  COIN,
  COMPLIANCE,
  compiled,
  doubles,
  EUR,
  FACE,
  forcedAt,
  LEDGER,
  ORACLE,
  PRICE_FEED,
  USD,
  ZERO,
} from "./places.mjs";
import { sendAlone } from "../twin.mjs";

/** The development network's first accounts. */
const PEOPLE = 7;
const ADMIN = 1;
const OFFICER = 3;
const FEED_MANAGER = 6;
const ROLES = [1, 2, 3, 4, 5, 6, 7];
const TREASURY = 5;
const CODES = { XXX: "0x585858", none: "0x000000", bad: "0x007f41" };
/** Coin of the accounts that move it, wei. */
const COINS = 1_000_000n;
/** Money of the accounts that pay it, cents. */
const MONEY = 1_000_000n;
/** Answers of feeds have 128 bits. */
const [LEAST, MOST] = [-(1n << 127n), (1n << 127n) - 1n];
const account = (number) => `0x${(0xacc0000 + number).toString(16).padStart(40, "0")}`;
/** Accounts of nobody: with coin, without coin. */
const HOLDERS = [1, 2, 3].map(account);
/** Ledger accounts that own themselves, and one that was never opened. */
const PAYERS = [11, 12, 13, 14].map(account);
const UNOPENED = account(19);
/** deal(address,uint256), which notes the account and what its balance changes by. */
const STAND_IN = "0x60043580600052316024350360205260406000a000";

export const encode = (to, functionName, ...args) => encodeFunctionData({ abi: abiAt(to), functionName, args });
const forced = (to, functionName, ...args) => encodeFunctionData({ abi: forcedAt(to), functionName, args });

/** Both chains as histories begin: the doubles are in their places and know what the engines know. */
export async function prepare(twin, comparison) {
  const [engines, anvil] = twin.nodes;
  const people = (await engines.call("eth_accounts")).slice(0, PEOPLE).map((a) => a.toLowerCase());
  const [admin] = people;
  const read = async (to, name, ...args) => {
    const data = await engines.call("eth_call", { to, data: encode(to, name, ...args) }, "latest");
    return decodeFunctionResult({ abi: abiAt(to), functionName: name, data });
  };
  const tell = (to, name, ...args) => sendAlone(anvil, { from: admin, to, data: forced(to, name, ...args) });

  // The doubles. That of a currency has its digits in its code, as its constructor puts them there.
  for (const [to, name] of doubles()) {
    const { abi, bytecode } = compiled(name);
    const args = to === FACE ? [await read(FACE, "decimals")] : [];
    const data = encodeDeployData({ abi, bytecode: bytecode.object, args });
    const { contractAddress } = await sendAlone(anvil, { from: admin, data });
    await anvil.call("anvil_setCode", to, await anvil.call("eth_getCode", contractAddress, "latest"));
  }
  await anvil.call("anvil_setCode", CHEATS, STAND_IN);

  // Access and NativeCoin: what the genesis state says.
  for (const role of ROLES) {
    let members = 0n;
    for (const member of people) {
      if (!(await read(ACCESS, "hasRole", role, member))) continue;
      await tell(ACCESS, "forceRole", role, member);
      members += 1n;
    }
    const count = await read(ACCESS, "memberCount", role);
    if (count !== members) throw new Error(`role ${role}: ${members} of ${count} members are known`);
  }
  const ids = await read(ACCESS, "parameters");
  for (const id of ids) {
    for (const currency of [USD, EUR]) {
      const [name, , min, initial, max, delay] = await read(ACCESS, "parameter", id, currency);
      await tell(ACCESS, "forceParameter", id, currency, name, min, initial, max, delay);
    }
  }
  await tell(COIN, "forceGenesis", await read(COIN, "face"), await read(COIN, "issued"));
  for (const holder of [...HOLDERS.slice(1), ...PAYERS]) {
    const wei = PAYERS.includes(holder) ? 10n ** 24n : COINS;
    await twin.both("anvil_setBalance", holder, toHex(wei));
    await twin.both("anvil_impersonateAccount", holder);
  }

  // From here on both are told the same.
  const ok = async (call) => {
    const { succeeded, output } = await comparison.attempt(call, comparison.now + 1);
    if (!succeeded) throw new Error(`setup: ${call.to} refuses ${call.data}: ${output}`);
  };
  const by = (to, name, ...args) => ({ from: admin, to, data: encode(to, name, ...args) });
  await ok(by(ACCESS, "grantRole", FEED_MANAGER, admin));
  await ok(by(ACCESS, "grantRole", OFFICER, admin));
  for (const payer of PAYERS) {
    await twin.send(by(ACCOUNTS, "open", payer, payer, TREASURY, "0x5553", USD), (comparison.now += 1));
    const order = encode(LEDGER, "issue", `0x${payer.slice(-32)}`, payer, USD, MONEY);
    await engines.call("evm_setNextBlockTimestamp", toHex((comparison.now += 1)));
    await sendAlone(engines, { from: admin, to: LEDGER, data: order });
    await tell(FACE, "forceIssue", payer, MONEY);
  }
  // What others have.
  const rest = account(20);
  const open = by(ACCOUNTS, "open", rest, rest, TREASURY, "0x5553", USD);
  await twin.send(open, (comparison.now += 1));
  const others = (await read(FACE, "totalSupply")) - MONEY * BigInt(PAYERS.length);
  await tell(FACE, "forceIssue", rest, others);
  await comparison.attempt(by(COIN, "face"), comparison.now + 1000);
  comparison.settle();
  return { people, admin, ids };
}

/** Calls that no engine accepts. */
function outside(random, from, to, data) {
  const stuff = {
    "value sent": { from, to, data, value: "0x1" },
    malformed: { from, to, data: concat([data.slice(0, 10), random.bytes(random.number(0, 31))]) },
  };
  const door = random.pick(Object.keys(stuff));
  if (random.chance(50)) return { ...stuff[door], door };
  // Unknown functions, and less than a selector.
  return { from, to, data: random.bytes(random.pick([4, 4, 36, 0, 3])) };
}

/** Roles, agreements and parameters, and the coin with its face, which admins name. */
class AccessAndCoin {
  holders = HOLDERS;
  #asked = [];
  #face;
  #first;

  constructor(random, { people, ids, admin }) {
    Object.assign(this, { random, people, ids, admin });
    // Three admins, most times with a policy: else hardly anything would ever be agreed to.
    this.#first = people.slice(1, 3).map((member) => ["grantRole", ADMIN, member]);
    this.#first.push(["proposeParameter", ids[10], USD, 200n]);
    if (random.chance(70)) this.#first.push(["setPolicy", ADMIN, 1, 5_000]);
    this.places = [ZERO, ACCESS, COIN, FACE, `${PRICE_FEED}00000001`, "0x5158000000000000000000000000000000000007"];
  }

  #anybody() {
    return this.random.chance(55) ? this.admin : this.random.pick(this.people);
  }

  #role() {
    return this.random.chance(60) ? ADMIN : this.random.number(0, 8);
  }

  #member() {
    const { random } = this;
    return random.chance(85) ? random.pick(this.people) : random.pick(this.places);
  }

  /** An act that the policy of admins may want others to agree to. */
  #act() {
    const { random } = this;
    const currency = random.pick([USD, USD, EUR, ...Object.values(CODES)]);
    const parameter = random.chance(90) ? random.pick(this.ids.slice(9, 12)) : random.number(0, 140);
    const value = BigInt(random.pick([0, 1, 2, 60, 200, 250, 251, 252, 65_536]));
    const acts = [
      [ACCESS, "grantRole", this.#role(), this.#member()],
      [ACCESS, "grantRole", this.#role(), this.#member()],
      [ACCESS, "revokeRole", this.#role(), this.#member()],
      [ACCESS, "setPolicy", this.#role(), random.pick([0, 0, 1, 1, 2, 3, 8, 9]), random.pick([0, 60, 5_000, 5_000])],
      [ACCESS, "proposeParameter", parameter, currency, value],
      [ACCESS, "proposeParameter", parameter, currency, value],
      [COIN, "setFace", this.#member()],
    ];
    const [to, ...rest] = random.pick(acts);
    return { to, data: encode(to, ...rest) };
  }

  next() {
    const { random } = this;
    if (this.#first.length > 0) {
      return { from: this.admin, to: ACCESS, data: encode(ACCESS, ...this.#first.shift()) };
    }
    const from = this.#anybody();
    const kind = random.number(1, 100);
    if (kind <= 30) return { from, ...this.#act() };
    if (kind <= 40) {
      const act = this.#act();
      const role = random.chance(80) ? ADMIN : this.#role();
      return { from, to: ACCESS, data: encode(ACCESS, "request", role, act.to, act.data), act: { from, ...act } };
    }
    if (kind <= 55 && this.#asked.length > 0) {
      const { id, act } = random.pick(this.#asked.slice(-3));
      const name = random.pick(["approve", "approve", "approve", "cancel", "act"]);
      if (name === "act") return act;
      return { from: random.pick(this.people.slice(0, 4)), to: ACCESS, data: encode(ACCESS, name, id) };
    }
    if (kind <= 58) {
      const name = random.pick(["approve", "cancel"]);
      return { from, to: ACCESS, data: encode(ACCESS, name, random.bytes(32)) };
    }
    if (kind <= 62) return { from, to: ACCESS, data: encode(ACCESS, "renounceRole", this.#role()) };
    if (kind <= 72) {
      const name = random.pick(["applyParameter", "applyParameter", "cancelParameter"]);
      const id = random.chance(90) ? random.pick(this.ids.slice(9, 12)) : random.number(0, 140);
      const currency = random.pick([USD, USD, EUR, CODES.XXX, CODES.none]);
      return { from, to: ACCESS, data: encode(ACCESS, name, id, currency) };
    }
    if (kind <= 77) {
      const act = this.#act();
      return outside(random, from, act.to, act.data);
    }
    const by = this.#face && random.chance(85) ? this.#face : from;
    const payer = random.chance(85) ? random.pick(HOLDERS) : random.pick(this.places);
    const payee = random.chance(80) ? random.pick(HOLDERS) : random.pick(this.places);
    const amount = random.chance(70) ? random.amount(0, 400_000) : random.pick([0n, COINS, COINS + 1n, 1n << 255n]);
    return { from: by, to: COIN, data: encode(COIN, "transfer", payer, payee, amount) };
  }

  /** What was asked for is often agreed to and done, and what was proposed applied. */
  *after({ from, to, data, act }, { succeeded, output }) {
    if (!succeeded) return;
    const { random } = this;
    const is = (name, ...args) => data.startsWith(encode(to, name, ...args).slice(0, 10));
    if (act) {
      this.#asked.push({ id: output, act });
      const by = random.pick(this.people.slice(0, 3));
      const end = random.pick(["approve", "approve", "approve", "cancel", undefined]);
      if (end) yield { from: by, to, data: encode(ACCESS, end, output) };
      if (random.chance(60)) yield act;
    } else if (to === COIN && is("setFace", ZERO)) {
      const face = `0x${data.slice(-40)}`;
      if (this.people.includes(face)) this.#face = face;
    } else if (to === ACCESS && is("proposeParameter", 0, USD, 0n) && random.chance(80)) {
      const [id, currency] = [Number(`0x${data.slice(70, 74)}`), `0x${data.slice(74, 80)}`];
      const name = random.pick(["applyParameter", "applyParameter", "cancelParameter"]);
      yield { from, to, data: encode(ACCESS, name, id, currency), wait: random.pick([86_399, 86_400]) };
    }
  }

  views() {
    const { random } = this;
    const view = (to, ...rest) => ({ to, data: encode(to, ...rest) });
    const id = this.#asked.length > 0 ? random.pick(this.#asked.slice(-4)).id : random.bytes(32);
    const currency = random.pick([USD, USD, EUR, CODES.XXX]);
    return [
      ...ROLES.map((role) => view(ACCESS, "memberCount", role)),
      ...this.people.map((member) => view(ACCESS, "hasRole", ADMIN, member)),
      view(ACCESS, "hasRole", random.number(0, 8), this.#member()),
      view(ACCESS, "policyOf", ADMIN),
      view(ACCESS, "policyOf", random.number(0, 8)),
      view(ACCESS, "requestOf", id),
      view(ACCESS, "parameter", random.pick(this.ids.slice(9, 12)), currency),
      view(ACCESS, "parameter", random.number(0, 140), currency),
      view(ACCESS, "parameters"),
      view(COIN, "face"),
      view(COIN, "issued"),
    ];
  }
}

/** Feeds with one reporter, who has all roles: what the double of the oracle says of itself. */
class Oracle {
  #feeds = [];

  constructor(random, { admin }) {
    Object.assign(this, { random, admin });
  }

  #terms() {
    const { random } = this;
    const wrong = random.chance(30) ? random.number(0, 5) : -1;
    const low = random.pick([0n, 0n, 0n, -1_000_000n, 50n]);
    return {
      minReporters: wrong === 0 ? random.pick([0, 4]) : random.pick([1, 1, 1, 1, 1, 2]),
      maxReporters: wrong === 1 ? random.pick([32, 255]) : random.pick([3, 31]),
      deviation: wrong === 2 ? random.pick([0, 10_001]) : random.pick([1, 100, 500, 500, 10_000]),
      staleness: wrong === 3 ? random.pick([0, 31_622_401]) : random.pick([60, 3_600, 90_000, 31_622_400]),
      confirmation: wrong === 4 ? 31_622_401 : random.pick([0, 1, 60, 60, 3_600]),
      minAnswer: low,
      maxAnswer: wrong === 5 ? low - 1n : random.pick([200_000n, MOST]),
    };
  }

  #feed() {
    const { random } = this;
    if (this.#feeds.length > 0 && random.chance(94)) return random.pick(this.#feeds);
    return { number: random.pick([0, this.#feeds.length + 1, 4_294_967_295]), answer: 100_000n };
  }

  next(time) {
    const { random, admin: from } = this;
    const to = ORACLE;
    const kind = random.number(1, 100);
    const call = (...rest) => ({ from, to, data: encode(to, ...rest) });
    if (this.#feeds.length === 0 || kind <= 8) {
      const description = "EUR / USD, of the reporters of the network".slice(0, random.pick([0, 1, 9, 31, 32]));
      return call("createFeed", description, random.pick([0, 8, 8, 18, 19]), this.#terms());
    }
    const feed = this.#feed();
    const reason = random.chance(90) ? "0x74657374" : "0x00000000";
    if (kind === 9) return call("addReporter", this.#feeds.length + random.number(1, 9), from);
    if (kind <= 16) return call("setTerms", feed.number, this.#terms());
    if (kind <= 21) return call("suspend", feed.number, reason);
    if (kind <= 33) {
      const near = random.chance(70);
      const [min, max] = near ? [LEAST, MOST] : [feed.answer, feed.answer < MOST - 500n ? feed.answer + 500n : MOST];
      return call("acceptAnswer", feed.number, min, max, reason);
    }
    if (kind <= 37) return outside(random, from, to, encode(to, "suspend", feed.number, reason));
    const way = random.pick([0, 0, 50, 400, 4_000, 30_000]);
    const last = random.chance(95) ? feed.answer : random.pick([-5n, 0n, MOST, LEAST]);
    let answer = last + random.amount(0, 2 * way) - BigInt(way);
    if (answer > MOST || answer < LEAST) answer = last;
    const age = random.pick([0, 0, 0, 0, 1, 2, 50, 70, 4_000, -1]);
    return { ...call("report", feed.number, answer, BigInt(time - age)), feed, answer };
  }

  *after(call, { succeeded, output }) {
    if (!succeeded) return;
    if (call.feed) call.feed.answer = call.answer;
    if (!call.data.startsWith(encode(ORACLE, "createFeed", "", 0, this.#terms()).slice(0, 10))) return;
    const number = Number(output);
    this.#feeds.push({ number, answer: 100_000n });
    yield { from: this.admin, to: ORACLE, data: encode(ORACLE, "addReporter", number, this.admin) };
  }

  views() {
    const { random } = this;
    const view = (...rest) => ({ to: ORACLE, data: encode(ORACLE, ...rest) });
    const numbers = [...this.#feeds.map(({ number }) => number).slice(-3), this.#feed().number];
    const rounds = [0n, 1n, 2n, BigInt(random.number(3, 30)), (1n << 64n) - 1n];
    return [
      view("feedCount"),
      ...numbers.flatMap((n) => [
        view("price", n),
        view("feedOf", n),
        ...rounds.map((round) => view("roundOf", n, round)),
      ]),
    ];
  }
}

/** Payments by the face of a currency between accounts without limits, which registrars and officers stop. */
class Currency {
  #frozen = new Set();

  constructor(random, { admin }) {
    Object.assign(this, { random, admin });
  }

  #party() {
    const { random } = this;
    return random.chance(88) ? random.pick(PAYERS) : random.pick([UNOPENED, ZERO, FACE, ACCESS]);
  }

  next(time) {
    const { random, admin } = this;
    const from = random.pick(PAYERS);
    const kind = random.number(1, 100);
    const call = (by, to, ...rest) => ({ from: by, to, data: encode(to, ...rest) });
    const large = [0n, MONEY, 5n * MONEY, 1n << 128n, (1n << 256n) - 1n];
    const amount = random.chance(70) ? random.amount(0, 300_000) : random.pick(large);
    // A registrar cannot change the status of a frozen account, and the double of `Accounts` knows no freezes.
    const free = PAYERS.filter((payer) => !this.#frozen.has(payer));
    if (kind <= 5 && free.length > 0) {
      const quiet = true;
      return { ...call(admin, ACCOUNTS, "setStatus", random.pick(free), random.pick([1, 2, 2, 3, 4])), quiet };
    }
    if (kind <= 9) {
      const until = BigInt(time + random.pick([0, 5, 60, 90_000]));
      const why = random.chance(85) ? "0x41414141" : "0x00000000";
      const account = random.pick(PAYERS);
      this.#frozen.add(account);
      const sides = random.number(0, 4);
      return { ...call(admin, COMPLIANCE, "freeze", account, sides, why, random.bytes(32), until), quiet: true };
    }
    if (kind <= 35) return call(from, FACE, "approve", this.#party(), amount);
    if (kind <= 40) return outside(random, from, FACE, encode(FACE, "transfer", this.#party(), amount));
    if (kind <= 65) return call(from, FACE, "transferFrom", this.#party(), this.#party(), amount);
    return call(from, FACE, "transfer", this.#party(), amount);
  }

  views() {
    const view = (to, ...rest) => ({ to, data: encode(to, ...rest) });
    return [
      view(FACE, "totalSupply"),
      view(FACE, "decimals"),
      view(FACE, "balanceOf", this.#party()),
      view(FACE, "allowance", this.#party(), this.#party()),
      ...PAYERS.flatMap((payer) => [
        view(FACE, "balanceOf", payer),
        view(COMPLIANCE, "freezeOf", payer),
        view(COMPLIANCE, "isDenied", payer),
        ...PAYERS.map((spender) => view(FACE, "allowance", payer, spender)),
      ]),
    ];
  }
}

export const WORLDS = { "Access and NativeCoin": AccessAndCoin, Oracle, "a currency's face": Currency };
