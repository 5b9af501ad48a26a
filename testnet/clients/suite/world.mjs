// Who acts and with what: the suite's contracts, people with money and approvals, and what the run adds to the suite: a
// token of 18 digits with a stable pair, receivers of flash loans, a governor with short delays.

import { getContractAddress, keccak256, stringToHex, toHex } from "viem";
import { mnemonicToAccount } from "viem/accounts";
import { Wallet } from "../ledger/send.mjs";
import { ACCOUNTS } from "./abi.mjs";

const MNEMONIC = "test test test test test test test test test test test junk";
const DEPLOYER = 10;
/** Accounts of the mnemonic that act, and people with keys of their own. */
const KNOWN = [1, 2, 3];
const FRESH = 5;
const COUNCIL = 4;
const [INSTITUTION] = [3];
const USD = stringToHex("USD");
const HOME = stringToHex("US");
export const MAX = (1n << 256n) - 1n;
export const COIN = 10n ** 18n;
/** What people start with: worth of each token, in whole dollars; coins for fees beside it. */
const WORTH = 20_000n;
const COINS = 15_000n * COIN;
/** The new pair's reserves, in whole tokens. */
const DEPTH = 100_000n;
/** Room that the tight market's caps leave, in whole tokens. */
const ROOM = { supply: 30n, borrow: 12n };
/** The short governor: seconds, and votes. */
const TERMS = { delay: 4n, votingDelay: 2, votingPeriod: 10, threshold: 1_000n * COIN };
const GAS = { call: 2_000_000n, creation: 9_000_000n };

/** What the properties need to know of the suite. */
export function suiteOf(contracts, names) {
  const at = (name) => names[name].toLowerCase();
  const put = (kind, name) => contracts.put(kind, at(name));
  const suite = {
    pool: put("LendingPool", "LendingPool"),
    adapter: put("OracleAdapter", "OracleAdapter"),
    router: put("PoolRouter", "PoolRouter"),
    factory: put("PoolFactory", "PoolFactory"),
    qxc: put("QXC", "QXC"),
    multicall: put("Multicall3", "Multicall3"),
    governor: put("QenexGovernor", "QenexGovernor"),
    timelock: put("QenexTimelock", "QenexTimelock"),
    pairs: ["EurUsdPair", "QxcUsdPair", "WbtcUsdPair"].map((name) => put("VolatilePair", name)),
    farms: ["EurUsdFarm", "QxcUsdFarm"].map((name) => ({ name, address: put("Farm", name) })),
  };
  suite.farms[0].share = at("EurUsdPair");
  suite.farms[1].share = at("QxcUsdPair");
  for (const farm of suite.farms) farm.reward = suite.qxc;
  put("ICurrencyToken", "USD");
  put("ICurrencyToken", "EUR");
  put("ExampleToken", "WBTC");
  const token = (name, unit, cents, feed) => ({
    name,
    address: at(name),
    unit,
    cents, // What one is worth at the beginning.
    feed: feed && Number.parseInt(at(feed).slice(-8), 16),
    ledger: name === "USD" || name === "EUR",
  });
  suite.tokens = [
    token("USD", 100n, 100n),
    token("EUR", 100n, 110n, "EurUsdFeed"),
    token("QXC", COIN, 200n, "QxcUsdFeed"),
    token("WBTC", 10n ** 8n, 6_000_000n, "WbtcUsdFeed"),
  ];
  suite.governors = new Map();
  return suite;
}

export class World {
  people = [];
  council = [];

  constructor(contracts, suite, books, reader, sender, follower) {
    Object.assign(this, { contracts, suite, books, reader, sender, follower });
    this.tokens = [...suite.tokens];
    [this.usd, this.eur, this.qxc, this.wbtc] = suite.tokens;
  }

  /** A call that must go through, by a wallet that no lane has. */
  call(wallet, to, name, args, value) {
    const data = this.contracts.encode(to, name, args);
    const request = { to, data, gas: GAS.call, ...(value && { value }) };
    return this.sender.send(wallet, request, {}, `${name} by ${wallet.address}`);
  }

  async create(wallet, kind, args) {
    const { nonce } = wallet;
    const address = getContractAddress({ from: wallet.address, nonce: BigInt(nonce) });
    this.contracts.put(kind, address);
    const request = { data: this.contracts.creation(kind, args), gas: GAS.creation };
    await this.sender.send(wallet, request, {}, `creation of ${kind}`);
    return address.toLowerCase();
  }

  /** What pairs are in books, before their events come. */
  async keep(pair, token0, token1, stable) {
    const scale = (address) => COIN / this.tokens.find((token) => token.address === address).unit;
    const fee = stable ? 4n : 30n;
    this.books.addPair(pair, {
      ...{ token0, token1, stable, fee },
      ...{ scale0: scale(token0), scale1: scale(token1) },
    });
  }

  async build(seed, progress) {
    const { sender } = this;
    const known = (index) => {
      const { privateKey } = mnemonicToAccount(MNEMONIC, { addressIndex: index }).getHdKey();
      return sender.use(new Wallet(toHex(privateKey)));
    };
    this.deployer = await known(DEPLOYER);
    for (let run = 0; ; run += 1) {
      this.run = `${seed} ${run}`;
      const { address } = this.#fresh("person 0");
      const [coins] = await this.reader.at(this.follower.number, [
        [this.suite.multicall, "getEthBalance", [address]],
      ]);
      if (coins === 0n) break;
    }
    const people = await Promise.all(KNOWN.map(known));
    people.forEach((wallet) => (wallet.judged = true)); // Their payments are, by the risk rules.
    for (let i = 0; i < FRESH; i += 1) people.push(this.#fresh(`person ${i}`));
    this.people = people;
    this.liquidator = this.#fresh("liquidator");
    this.bankrupt = this.#fresh("bankrupt");
    this.prober = this.#fresh("prober");
    this.stranger = this.#fresh("stranger");
    this.council = Array.from({ length: COUNCIL }, (_, i) => this.#fresh(`council ${i}`));

    progress("people");
    const rich = [this.liquidator, this.bankrupt, this.prober];
    const opened = [...people.filter(({ judged }) => !judged), ...rich];
    await Promise.all([
      ...opened.map(({ address }) => this.#open(address)),
      ...[...rich, ...people, this.stranger].map(({ address: to }) => this.#coins(to, COINS)),
      ...this.council.map(({ address: to }, i) =>
        this.#coins(to, (i === 0 ? 160_000n : 8_000n) * COIN),
      ),
    ]);
    progress("contracts of the run");
    await this.#extend();
    progress("money and approvals");
    await Promise.all([...people, ...rich].map((wallet) => this.#endow(wallet)));
    // The deployer pays for several at a time when they leave: one approval holds for all of them.
    for (const { address } of [this.usd, this.eur])
      await this.call(this.deployer, address, "approve", [this.suite.pool, MAX]);
    await this.call(this.deployer, this.wbtc.address, "transfer", [this.quiet, 10n ** 8n]);
    await this.#tighten();
  }

  #fresh(name) {
    return new Wallet(keccak256(stringToHex(`suite ${this.run} ${name}`)));
  }

  #coins(to, value) {
    return this.sender.send(this.deployer, { to, value, gas: 21_000n });
  }

  #open(address) {
    const args = [address, address, INSTITUTION, HOME, USD];
    return this.call(this.deployer, ACCOUNTS, "open", args);
  }

  /** The contracts that the run adds. */
  async #extend() {
    const { deployer, suite } = this;
    const address = await this.create(deployer, "ExampleToken", [deployer.address]);
    this.extra = { name: "EXA", address, unit: COIN, cents: 100n, ledger: false };
    this.tokens.push(this.extra);
    const { usd, extra } = this;
    const [predicted] = await this.reader.at(this.follower.number, [
      [suite.factory, "predictPair", [usd.address, extra.address, true]],
    ]);
    const [token0, token1] = [usd.address, extra.address].sort();
    this.stable = this.contracts.put("StablePair", predicted);
    this.keep(this.stable, token0, token1, true);
    await this.#open(this.stable);
    for (const token of [usd, extra])
      await this.call(deployer, token.address, "approve", [suite.router, MAX]);
    const deposit = {
      ...{ tokenA: usd.address, tokenB: extra.address, stable: true },
      ...{ amountA: DEPTH * usd.unit, amountB: DEPTH * extra.unit },
      ...{ minA: 0n, minB: 0n, minShares: 1n, to: deployer.address, deadline: MAX },
    };
    const data = this.contracts.encode(suite.router, "addLiquidity", [deposit]);
    await this.sender.send(deployer, { to: suite.router, data, gas: 8_000_000n });
    this.quiet = await this.create(deployer, "BusyFlashBorrower", [suite.pool, false]);
    this.busy = await this.create(deployer, "BusyFlashBorrower", [suite.pool, true]);
    this.ofPairs = new Map();
    for (const pair of [...suite.pairs, this.stable])
      this.ofPairs.set(pair, await this.create(deployer, "BusyFlashBorrower", [pair, false]));
    await Promise.all(
      [this.quiet, this.busy, ...this.ofPairs.values()].map((one) => this.#open(one)),
    );
    const terms = {
      votes: suite.qxc,
      guardian: deployer.address,
      timelockDelay: TERMS.delay,
      votingDelay: TERMS.votingDelay,
      votingPeriod: TERMS.votingPeriod,
      voteExtension: 0,
      proposalThreshold: TERMS.threshold,
      quorumPercent: 1n,
      quorumFloor: COIN,
    };
    this.governor = await this.create(deployer, "QenexGovernor", [terms]);
    const [timelock] = await this.reader.at(this.follower.number, [[this.governor, "timelock"]]);
    this.timelock = this.contracts.put("QenexTimelock", timelock);
    this.effect = await this.create(deployer, "Effect", [timelock]);
    suite.governors.set(this.governor, { delay: TERMS.delay });
  }

  /** Which pair trades two tokens, and how. */
  markets() {
    const { usd, eur, qxc, wbtc, extra, suite } = this;
    const [a, b, c] = suite.pairs;
    return [
      { pair: a, tokens: [eur, usd], stable: false, farm: suite.farms[0].address },
      { pair: b, tokens: [qxc, usd], stable: false, farm: suite.farms[1].address },
      { pair: c, tokens: [wbtc, usd], stable: false },
      { pair: this.stable, tokens: [extra, usd], stable: true },
    ];
  }

  /** Money of every kind, and approvals for all that takes it. */
  async #endow(wallet) {
    const { suite } = this;
    const spenders = [suite.pool, suite.router];
    const allow = (token, spender) => this.call(wallet, token, "approve", [spender, MAX]);
    await Promise.all([
      ...this.tokens.flatMap((token) => [
        ...(token === this.qxc ? [] : [this.fill(wallet, token)]),
        ...spenders.map((spender) => allow(token.address, spender)),
      ]),
      ...this.markets().flatMap(({ pair, farm }) => [
        allow(pair, suite.router),
        ...(farm ? [allow(pair, farm)] : []),
      ]),
    ]);
  }

  /** Gives somebody more of a token. */
  fill(wallet, token, worth = WORTH) {
    const amount = (worth * 100n * token.unit) / token.cents;
    return this.call(this.deployer, token.address, "transfer", [wallet.address, amount]);
  }

  /** Caps that are reached, if the deployer may still set them. */
  async #tighten() {
    const { suite, deployer, wbtc } = this;
    const [owner, config, market] = await this.reader.at(this.follower.number, [
      [suite.pool, "owner"],
      [suite.pool, "configOf", [wbtc.address]],
      [suite.pool, "marketOf", [wbtc.address]],
    ]);
    if (owner !== deployer.address) return;
    this.configured = config;
    const supplyCap = Number((market.cash + market.debt) / wbtc.unit + ROOM.supply);
    const borrowCap = Number(market.debt / wbtc.unit + ROOM.borrow);
    const tight = { ...config, supplyCap, borrowCap };
    await this.call(deployer, suite.pool, "configure", [wbtc.address, tight]);
  }

  /** As it was. */
  async restore() {
    if (!this.configured) return;
    const args = [this.wbtc.address, this.configured];
    await this.call(this.deployer, this.suite.pool, "configure", args);
  }
}
