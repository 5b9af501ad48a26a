// The feeds' reporter: prices wander, fall until somebody is liquidated, crash until debts are bad, jump too far, are
// suspended, grow old; and come home again.

import { sleep } from "../ledger/chain.mjs";
import { ORACLE } from "./abi.mjs";
import { Lane } from "./lane.mjs";
import { COIN } from "./world.mjs";

const BPS = 10_000n;
/** Cents of the unit of account, in an answer of eight digits. */
const DIGITS = 1_000_000n;
const REASON = "0x74657374";
/** How long an unhealthy account waits for the liquidator. */
const PATIENCE_MS = 8_000;
const MORE_PATIENCE_MS = 40_000;
const STALE = 1;
const YEAR = 31_536_000;

export class Reporter extends Lane {
  #observed = new Map();

  steps() {
    return [
      "wander",
      "wander",
      "storm",
      "storm",
      "storm",
      "storm",
      "jump",
      "suspend",
      "age",
      "crash",
    ];
  }

  get #feeds() {
    return this.suite.tokens.filter(({ feed }) => feed);
  }

  #home(token) {
    return token.cents * DIGITS;
  }

  async #answer({ feed }) {
    const [terms] = await this.read([[ORACLE, "feedOf", [feed]]]);
    const [[answer]] = await this.read([[ORACLE, "roundOf", [feed, terms[5]]]]);
    return answer;
  }

  /** The second of the last observation. */
  async #seen({ feed }) {
    if (!this.#observed.has(feed)) {
      const asked = [ORACLE, "reportOf", [feed, this.world.deployer.address]];
      const [report] = await this.read([asked]);
      this.#observed.set(feed, report[1]);
    }
    return this.#observed.get(feed);
  }

  /** The second of the next observation: later than the last. */
  async #second(token) {
    const second = (await this.#seen(token)) + 1n;
    await this.world.follower.until(second);
    this.#observed.set(token.feed, second);
    return second;
  }

  /** Reports an answer; `recorded`: and lets the adapter remember it. */
  async #report(token, answer, action = "report a price", recorded = true, second) {
    const at = second ?? (await this.#second(token));
    if (second) this.#observed.set(token.feed, second);
    const found = await this.act(action, this.world.deployer, ORACLE, "report", [
      ...[token.feed, answer, at],
    ]);
    if (recorded)
      await this.act("record a price", this.world.stranger, this.suite.adapter, "record", [
        token.address,
      ]);
    return found.events.some(({ name }) => name === "Answered");
  }

  /** By so many basis points, at most as far as the feed lets answers move at a time. */
  async #shift(token, bps) {
    const answer = await this.#answer(token);
    return this.#report(token, (answer * (BPS + BigInt(bps))) / BPS);
  }

  /** Step by step to where it began. */
  async #comeHome(token) {
    const home = this.#home(token);
    for (;;) {
      const answer = await this.#answer(token);
      if (answer === home) return;
      const [least, most] = [(answer * 9_100n) / BPS, (answer * 10_900n) / BPS];
      const next = home < least ? least : home > most ? most : home;
      await this.#report(token, next);
    }
  }

  /** What a run that failed may have left: a feed that is held or suspended, or whose answers are too soon old. */
  async begin() {
    const { deployer } = this.world;
    for (const token of this.#feeds) {
      const { feed } = token;
      const [state] = await this.read([[ORACLE, "feedOf", [feed]]]);
      const [terms, hold] = [state[3], state[6]];
      if (terms.staleness <= STALE)
        await this.world.call(deployer, ORACLE, "setTerms", [feed, { ...terms, staleness: YEAR }]);
      if (terms.staleness <= STALE || hold !== 0)
        await this.#report(token, await this.#answer(token));
      const [after] = await this.read([[ORACLE, "feedOf", [feed]]]);
      if (after[6] === 0) continue;
      const args = [feed, terms.minAnswer, terms.maxAnswer, REASON];
      await this.world.call(deployer, ORACLE, "acceptAnswer", args);
    }
    await this.end();
  }

  async wander() {
    const token = this.random.pick(this.#feeds);
    await sleep(this.random.number(100, 1_000));
    const answer = await this.#answer(token);
    const home = this.#home(token);
    const up = answer < (home * 97n) / 100n || (answer < home && this.random.chance(70));
    const bps = this.random.number(5, 250);
    await this.#shift(token, up ? bps : -bps);
  }

  /** Down until accounts are unhealthy, and home when they are liquidated. */
  async storm() {
    const token = this.random.pick(this.#feeds);
    const steps = this.random.number(1, token === this.world.eur ? 2 : 3);
    for (let i = 0; i < steps; i += 1) await this.#shift(token, -this.random.number(600, 950));
    await this.#cleared();
    await this.#comeHome(token);
  }

  /** Waits until the liquidator is done with everybody, for a while. */
  async #cleared(patience = PATIENCE_MS) {
    const end = Date.now() + patience;
    while (Date.now() < end) {
      const holders = [...this.books.holders];
      const accounts = await this.read(holders.map((who) => [this.suite.pool, "accountOf", [who]]));
      if (accounts.every(({ threshold, debt }) => debt <= threshold)) return;
      await sleep(200);
    }
  }

  /** QXC loses so much that its debtors' collateral does not cover their debts. */
  async crash() {
    const { pool } = this.suite;
    const { bankrupt, qxc, usd, deployer } = this.world;
    await this.#comeHome(qxc);
    await this.world.call(deployer, qxc.address, "transfer", [bankrupt.address, 2_000n * COIN]);
    await this.act("supply", bankrupt, pool, "supply", [qxc.address, 2_000n * COIN]);
    const [{ limit, debt }] = await this.read([[pool, "accountOf", [bankrupt.address]]]);
    const amount = ((((limit - debt) * 99n) / 100n) * usd.unit) / COIN;
    await this.act("borrow", bankrupt, pool, "borrow", [usd.address, amount]);
    this.world.calm = true; // The liquidator waits until it is too late.
    try {
      for (let i = 0; i < 7; i += 1) await this.#shift(qxc, -930);
    } finally {
      this.world.calm = false;
    }
    await this.#cleared(MORE_PATIENCE_MS);
    await this.#comeHome(qxc);
  }

  /** Somebody with bitcoin as collateral and a debt in dollars. */
  async #probe() {
    const { pool } = this.suite;
    const { prober, wbtc, usd } = this.world;
    const [account, supplied, owed] = await this.read([
      [pool, "accountOf", [prober.address]],
      [pool, "supplied", [prober.address, wbtc.address]],
      [pool, "owed", [prober.address, usd.address]],
    ]);
    if (supplied < wbtc.unit / 10n)
      await this.act("supply", prober, pool, "supply", [wbtc.address, wbtc.unit / 20n]);
    if (owed < 1_000n && account.debt <= account.limit)
      await this.act("borrow", prober, pool, "borrow", [usd.address, 20_000n]);
  }

  /** While a price is in doubt: what is open and what is not. */
  async #inDoubt(what) {
    const { pool, adapter } = this.suite;
    const { prober, wbtc, usd } = this.world;
    const [[, doubt]] = await this.read([[adapter, "quote", [wbtc.address]]]);
    if (doubt === 0n) throw new Error(`the price of WBTC is not in doubt when it ${what}`);
    const refused = (name, args, error = "PriceInDoubt") =>
      this.refuse(`${name} in doubt`, prober, pool, name, args, error);
    await refused("borrow", [usd.address, 100n]);
    await refused("withdraw", [wbtc.address, 1_000n]);
    // Without it there is no collateral at all, so no price is asked for.
    await refused("setCollateral", [wbtc.address, false], "InsufficientCollateral");
    const pays = usd;
    await this.act("repay in doubt", prober, pool, "repay", [usd.address, 500n], { pays });
    await this.act("supply in doubt", prober, pool, "supply", [wbtc.address, 1_000n]);
  }

  async #doubtful(test) {
    this.books.unsettle(this.block);
    try {
      await test();
    } finally {
      this.books.settle(this.block + 1);
    }
  }

  /** Further than the feed lets answers jump: the engine holds it, until it comes back. */
  async jump() {
    const { wbtc } = this.world;
    await this.#probe();
    const answer = await this.#answer(wbtc);
    const far = (answer * (this.random.chance(50) ? 8_500n : 11_500n)) / BPS;
    await this.#doubtful(async () => {
      if (await this.#report(wbtc, far, "report a jump", false))
        throw new Error(`feed ${wbtc.feed}: a jump from ${answer} to ${far} was taken`);
      await this.#inDoubt("jumped");
      await this.#report(wbtc, answer);
    });
  }

  async suspend() {
    const { wbtc, deployer, stranger } = this.world;
    await this.#probe();
    const answer = await this.#answer(wbtc);
    await this.#doubtful(async () => {
      const args = [wbtc.feed, REASON];
      await this.refuse(
        "suspend without leave",
        stranger,
        ORACLE,
        "suspend",
        args,
        "NotAuthorised",
      );
      await this.act("suspend a feed", deployer, ORACLE, "suspend", args);
      await this.#inDoubt("is suspended");
      const accept = [wbtc.feed, answer, answer, REASON];
      await this.act("accept an answer", deployer, ORACLE, "acceptAnswer", accept);
    });
  }

  /** The feed's answers grow old in a second, until somebody reports again. */
  async age() {
    const { wbtc, deployer, follower } = this.world;
    await this.#probe();
    const answer = await this.#answer(wbtc);
    const [feed] = await this.read([[ORACLE, "feedOf", [wbtc.feed]]]);
    const terms = feed[3];
    await this.#doubtful(async () => {
      const short = { ...terms, staleness: STALE };
      await this.act("shorten a staleness", deployer, ORACLE, "setTerms", [wbtc.feed, short]);
      await follower.until((await this.#seen(wbtc)) + BigInt(STALE) + 2n);
      await this.#inDoubt("is old");
      await this.act("set terms back", deployer, ORACLE, "setTerms", [wbtc.feed, terms]);
      await this.#report(wbtc, answer);
    });
  }

  /** All prices where they were. */
  async end() {
    for (const token of this.#feeds) await this.#comeHome(token);
  }
}
