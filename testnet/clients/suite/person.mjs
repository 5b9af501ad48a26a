// Somebody who uses the whole suite: lends, borrows, trades, farms, stakes, gives away; and tries what cannot be.

import { Lane } from "./lane.mjs";
import { MAX } from "./world.mjs";

const BPS = 10_000n;
const DAY = 86_400;
/** Stakes of QXC that an account may have running. */
const STAKES = 64n;
/** Least that somebody should have of a token, cents; below it the deployer helps. */
const POOR = 500_000n;
const min = (a, b) => (a < b ? a : b);

export class Person extends Lane {
  /** Steps by name; those that people take more often come twice. */
  static steps = [
    ...["supply", "supply", "withdraw", "borrow", "borrow", "repay", "repayOther", "collateral"],
    ...["flashLoan", "give", "swapIn", "swapIn", "swapOut", "swapOut", "deposit", "deposit"],
    ...["redeem", "flashPair", "giveToPair", "skim", "farm", "farm", "leaveFarm", "claim", "claimAll"],
    ...["exitFarm", "stake", "unstake", "delegate", "fund", "pay"],
    ...["impossibleLoan", "impossibleSupply", "impossibleTrade", "impossibleFarm", "impossibleStake"],
    ...["impossibleCap", "impossibleOwner"],
  ];

  constructor(name, world, random, tally, wallet) {
    super(name, world, random, tally);
    this.wallet = wallet;
    this.me = wallet.address;
  }

  /** A call of mine. */
  do(action, to, name, args, options) {
    return this.act(action, this.wallet, to, name, args, options);
  }

  no(action, to, name, args, errors) {
    return this.refuse(action, this.wallet, to, name, args, errors);
  }

  /** What I have of a token; a little more if it is hardly anything. */
  async have(token) {
    const [balance] = await this.read([[token.address, "balanceOf", [this.me]]]);
    if ((balance * token.cents) / token.unit > POOR) return balance;
    if (token === this.world.qxc)
      await this.world.call(this.world.deployer, token.address, "transfer", [
        this.me,
        10_000n * token.unit,
      ]);
    else await this.world.fill(this.wallet, token, 10_000n);
    return balance;
  }

  /** Where I stand in the lending pool, for an action in a token. */
  async stand(token) {
    const { pool, adapter } = this.suite;
    const since = this.block;
    const [account, market, config, holding, supplied, owed, [price, doubt]] = await this.read(
      [
        [pool, "accountOf", [this.me]],
        [pool, "marketOf", [token.address]],
        [pool, "configOf", [token.address]],
        [pool, "holdingOf", [this.me, token.address]],
        [pool, "supplied", [this.me, token.address]],
        [pool, "owed", [this.me, token.address]],
        [adapter, "quote", [token.address]],
      ],
      since,
    );
    const [shares, , collateral] = holding;
    const doubtful = doubt !== 0n || !/^0x0+$/.test(account.doubtful);
    const free = account.limit > account.debt ? account.limit - account.debt : 0n;
    const room = doubtful ? 0n : (free * token.unit) / price;
    const stood = { since, account, market, config, shares, collateral, supplied, owed, room };
    return { ...stood, doubtful, price };
  }

  /** Refusals that are right if prices moved, or others changed my account. */
  races(since) {
    const { books, me } = this;
    const changed = ({ number }) => books.moved(since, number) || books.touched(me, since, number);
    return { InsufficientCollateral: changed, PriceInDoubt: changed };
  }

  touched(since) {
    return ({ number }) => this.books.touched(this.me, since, number);
  }

  // Lending

  async supply() {
    const token = this.token();
    const balance = await this.have(token);
    const { market, config } = await this.stand(token);
    const cap = BigInt(config.supplyCap) * token.unit;
    const room = cap - market.cash - market.debt;
    const amount = min(this.worth(token, 1, 200_000), min(balance / 4n, room / 20n));
    if (amount <= 0n) return;
    await this.do("supply", this.suite.pool, "supply", [token.address, amount], { pays: token });
  }

  async withdraw() {
    const token = this.token();
    const { since, account, market, config, collateral, supplied, room } = await this.stand(token);
    let most = min(supplied, market.cash / 4n);
    const bound = account.debt !== 0n && collateral;
    if (bound && config.limit > 0)
      most = min(most, (((room * BPS) / BigInt(config.limit)) * 95n) / 100n);
    if (most <= 1n) return;
    const all = !bound && most === supplied && this.random.chance(30);
    const amount = all ? MAX : (most * this.random.amount(1, 98)) / 100n;
    if (amount === 0n) return;
    const races = { ...this.races(since), InsufficientSupply: this.touched(since) };
    await this.do("withdraw", this.suite.pool, "withdraw", [token.address, amount], { races });
  }

  async borrow() {
    const token = this.token();
    const { since, market, config, room } = await this.stand(token);
    const cap = BigInt(config.borrowCap) * token.unit - market.debt;
    const most = min(room, min(market.cash / 20n, cap / 20n));
    // Sometimes to the limit: the next move of a price makes such accounts unhealthy.
    const share = this.random.chance(25) ? 999n : this.random.amount(10, 700);
    const amount = (most * share) / 1000n;
    if (amount <= 0n) return;
    const args = [token.address, amount];
    await this.do("borrow", this.suite.pool, "borrow", args, { races: this.races(since) });
  }

  async repay() {
    const token = this.token();
    const balance = await this.have(token);
    const { since, owed } = await this.stand(token);
    if (owed === 0n) return;
    const all = balance > owed + owed / 100n && this.random.chance(40);
    const amount = all ? MAX : min((owed * this.random.amount(1, 100)) / 100n, balance / 2n);
    if (amount === 0n) return;
    const races = { NoDebt: this.touched(since) };
    const args = [token.address, amount];
    await this.do("repay", this.suite.pool, "repay", args, { races, pays: token });
  }

  async repayOther() {
    const { pool } = this.suite;
    const token = this.token();
    const balance = await this.have(token);
    const since = this.block;
    const other = this.random.pick(this.world.people).address;
    const [owed] = await this.read([[pool, "owed", [other, token.address]]], since);
    const amount = min(owed / 10n, balance / 100n);
    if (amount === 0n) return;
    // The other may have repaid all meanwhile.
    const races = { NoDebt: () => true };
    await this.do("repay for", pool, "repayFor", [other, token.address, amount], {
      races,
      pays: token,
    });
  }

  async collateral() {
    const { pool } = this.suite;
    const token = this.token();
    const { since, account, config, shares, collateral, supplied, room } = await this.stand(token);
    if (shares === 0n) {
      const args = [token.address, true];
      await this.no("collateral on nothing", pool, "setCollateral", args, "NotCollateral");
      return;
    }
    const freed = (supplied * BigInt(config.limit)) / BPS + 1n;
    const used = collateral && account.debt !== 0n && room < 2n * freed ? true : !collateral;
    const races = { ...this.races(since), NotCollateral: this.touched(since) };
    await this.do("switch collateral", pool, "setCollateral", [token.address, used], { races });
  }

  async flashLoan() {
    const { pool } = this.suite;
    const { quiet, busy } = this.world;
    const token = this.token();
    const balance = await this.have(token);
    const { market, config } = await this.stand(token);
    const works = this.random.chance(50);
    const receiver = works ? busy : quiet;
    const room = BigInt(config.supplyCap) * token.unit - market.cash - market.debt;
    let amount = min(market.cash / 2n, balance * 100n);
    if (works) amount = min(amount, room / 4n);
    amount = (amount * this.random.amount(1, 100)) / 100n;
    if (amount < 2n) return;
    // The fee, and a unit that rounding may cost the receiver.
    const fee = (amount * BigInt(config.flashFee)) / BPS + 2n;
    const paid = await this.do("pay a fee", token.address, "transfer", [receiver, fee], {
      pays: token,
    });
    if (!paid) return;
    await this.do("flash loan", pool, "flashLoan", [receiver, token.address, amount, "0x"]);
  }

  /** A donation, which is no cash. */
  async give() {
    const token = this.token();
    await this.have(token);
    const args = [this.suite.pool, this.worth(token, 1, 500)];
    await this.do("give to the pool", token.address, "transfer", args, { pays: token });
  }

  // Trade

  /** A way from one token to another, through one pair to three. */
  path() {
    const markets = this.world.markets();
    const { usd } = this.world;
    const [from, to] = this.random.shuffled(markets);
    const other = ({ tokens }) => tokens[0];
    if (this.random.chance(50)) {
      const first = this.random.chance(50);
      const [tokenIn, out] = first ? [other(from), usd] : [usd, other(from)];
      return { tokenIn, out, hops: [{ token: out.address, stable: from.stable }] };
    }
    const hops = [
      { token: usd.address, stable: from.stable },
      { token: other(to).address, stable: to.stable },
    ];
    return { tokenIn: other(from), out: other(to), hops };
  }

  async swapIn() {
    const { router } = this.suite;
    const { tokenIn, hops } = this.path();
    const balance = await this.have(tokenIn);
    const amount = min(this.worth(tokenIn, 200, 100_000), balance / 4n);
    const [quoted] = await this.read([[router, "quoteExactIn", [tokenIn.address, amount, hops]]]);
    if (quoted === 0n) return;
    const head = [tokenIn.address, amount];
    if (this.random.chance(10)) {
      const [few, late] = [quoted * 2n + 100n, this.random.chance(50)];
      const args = [...head, late ? 0n : few, hops, this.me, late ? 1n : MAX];
      const error = late ? "Expired" : ["TooLittleOut", ...(this.wallet.judged ? ["ReviewRequired", "RiskRejected"] : [])];
      await this.no(late ? "swap too late" : "swap for too much", router, "swapExactIn", args, error);
      return;
    }
    const args = [...head, (quoted * 8n) / 10n, hops, this.me, MAX];
    await this.do("swap exact in", router, "swapExactIn", args, { pays: tokenIn });
  }

  async swapOut() {
    const { router } = this.suite;
    const { tokenIn, out, hops } = this.path();
    const balance = await this.have(tokenIn);
    const amount = this.worth(out, 200, 100_000);
    const [quoted] = await this.read([[router, "quoteExactOut", [tokenIn.address, amount, hops]]]);
    const most = (quoted * 12n) / 10n + 2n;
    if (most > balance) return;
    if (this.random.chance(10)) {
      const args = [tokenIn.address, amount, quoted / 2n, hops, this.me, MAX];
      await this.no("swap for too little", router, "swapExactOut", args, "TooMuchIn");
      return;
    }
    const args = [tokenIn.address, amount, most, hops, this.me, MAX];
    await this.do("swap exact out", router, "swapExactOut", args, { pays: tokenIn });
  }

  async deposit() {
    const { router } = this.suite;
    const { tokens, stable } = this.random.pick(this.world.markets());
    const [a, b] = tokens;
    const balances = [await this.have(a), await this.have(b)];
    const cents = this.random.amount(1_000, 200_000);
    const [amountA, amountB] = tokens.map((token, i) =>
      min((cents * token.unit) / token.cents + 1n, balances[i] / 4n),
    );
    const deposit = {
      ...{ tokenA: a.address, tokenB: b.address, stable, amountA, amountB },
      ...{ minA: 0n, minB: 0n, minShares: 1n, to: this.me, deadline: MAX },
    };
    // The worth of a share may be more than the smallest unit of a token.
    if (amountA < 100n || amountB < 100n) return;
    const pays = tokens.find(({ ledger }) => ledger);
    if (this.random.chance(10)) {
      const dear = { ...deposit, minA: amountA + 1n };
      const errors = ["TooLittle"];
      await this.no("deposit with too much", router, "addLiquidity", [dear], errors);
      return;
    }
    await this.do("add liquidity", router, "addLiquidity", [deposit], { pays });
  }

  async redeem() {
    const { router } = this.suite;
    const { pair, tokens, stable } = this.random.pick(this.world.markets());
    const [shares] = await this.read([[pair, "balanceOf", [this.me]]]);
    const withdrawal = {
      ...{ tokenA: tokens[0].address, tokenB: tokens[1].address, stable },
      ...{ shares: (shares * this.random.amount(1, 100)) / 100n, minA: 0n, minB: 0n },
      ...{ to: this.me, deadline: MAX },
    };
    if (shares < 10n ** 12n) {
      const more = { ...withdrawal, shares: shares + 10n ** 18n };
      const error = "ERC20InsufficientBalance";
      await this.no("redeem what others have", router, "removeLiquidity", [more], error);
      return;
    }
    if (withdrawal.shares < 10n ** 12n) return;
    const races = { NothingToWithdraw: () => withdrawal.shares < 10n ** 16n };
    await this.do("remove liquidity", router, "removeLiquidity", [withdrawal], { races });
  }

  async flashPair() {
    const { pair, tokens, stable } = this.random.pick(this.world.markets());
    const token = this.random.pick(tokens);
    await this.have(token);
    const [[r0, r1], token0] = await this.read([
      [pair, "getReserves"],
      [pair, "token0"],
    ]);
    const reserve = token.address === token0 ? r0 : r1;
    const amount = (reserve * this.random.amount(1, 20)) / 10_000n + 1n;
    const fee = (amount * (stable ? 4n : 30n)) / BPS + 1n;
    const receiver = this.world.ofPairs.get(pair);
    const paid = await this.do("pay a fee", token.address, "transfer", [receiver, fee], {
      pays: token,
    });
    if (!paid) return;
    await this.do("flash loan of a pair", pair, "flashLoan", [receiver, token.address, amount, "0x"]);
  }

  async giveToPair() {
    const { pair, tokens } = this.random.pick(this.world.markets());
    const token = this.random.pick(tokens);
    await this.have(token);
    const args = [pair, this.worth(token, 1, 100)];
    await this.do("give to a pair", token.address, "transfer", args, { pays: token });
  }

  async skim() {
    const { pair } = this.random.pick(this.world.markets());
    await this.do("skim", pair, "skim", [this.me]);
  }

  // Farms

  async farm() {
    const { pair, farm } = this.random.pick(this.world.markets().filter(({ farm: f }) => f));
    const [shares] = await this.read([[pair, "balanceOf", [this.me]]]);
    const amount = (shares * this.random.amount(1, 100)) / 100n;
    if (amount === 0n)
      await this.no("farm nothing", farm, "stake", [0n, this.me], "ZeroAmount");
    else await this.do("farm", farm, "stake", [amount, this.me]);
  }

  async leaveFarm() {
    const { address } = this.random.pick(this.suite.farms);
    const [staked] = await this.read([[address, "stakeOf", [this.me]]]);
    const amount = (staked * this.random.amount(1, 100)) / 100n;
    if (amount === 0n) {
      const args = [staked + 1n, this.me];
      await this.no("take others' stakes", address, "withdraw", args, "InsufficientStake");
    } else await this.do("leave a farm", address, "withdraw", [amount, this.me]);
  }

  async claim() {
    const { address, reward } = this.random.pick(this.suite.farms);
    await this.do("claim", address, "claim", [reward, this.me]);
  }

  async claimAll() {
    const { address } = this.random.pick(this.suite.farms);
    await this.do("claim all", address, "claimAll", [this.me]);
  }

  async exitFarm() {
    const { address } = this.random.pick(this.suite.farms);
    const [staked] = await this.read([[address, "stakeOf", [this.me]]]);
    if (staked > 0n) await this.do("exit a farm", address, "exit", [this.me]);
  }

  // QXC

  async stake() {
    const { qxc } = this.suite;
    const balance = await this.have(this.world.qxc);
    const [count] = await this.read([[qxc, "stakeCount", [this.me]]]);
    const amount = min(this.worth(this.world.qxc, 1, 20_000), balance / 20n);
    const lock = BigInt(this.random.number(DAY, 730 * DAY));
    if (count >= STAKES)
      await this.no("stake too often", qxc, "stake", [amount, lock], "TooManyStakes");
    else await this.do("stake", qxc, "stake", [amount, lock]);
  }

  /** The shortest lock is a day: within this run nothing can be unstaked. */
  async unstake() {
    const { qxc } = this.suite;
    const [count] = await this.read([[qxc, "stakeCount", [this.me]]]);
    if (count === 0n) {
      await this.no("unstake nothing", qxc, "unstake", [0n], "UnknownStake");
      return;
    }
    const index = this.random.amount(0, Number(count) - 1);
    const [stake] = await this.read([[qxc, "stakeOf", [this.me, index]]]);
    if (stake.unstaked) await this.no("unstake twice", qxc, "unstake", [index], "AlreadyUnstaked");
    else if (this.world.follower.time + 60n < stake.unlockTime)
      await this.no("unstake too early", qxc, "unstake", [index], "StakeLocked");
    else if (this.world.follower.time >= stake.unlockTime)
      await this.do("unstake", qxc, "unstake", [index]);
  }

  async delegate() {
    const to = this.random.pick([...this.world.people, this.wallet]).address;
    await this.do("delegate", this.suite.qxc, "delegate", [to]);
  }

  async fund() {
    const value = this.random.amount(1, 1_000_000) * 10n ** 9n + this.random.amount(0, 999);
    await this.do("fund the rewards", this.suite.qxc, "fund", [], { value });
  }

  async pay() {
    const token = this.random.pick(this.world.tokens);
    await this.have(token);
    const people = this.world.people.filter(({ address }) => address !== this.me);
    const args = [this.random.pick(people).address, this.worth(token, 1, 5_000)];
    await this.do("pay", token.address, "transfer", args, { pays: token });
  }

  // What cannot be

  async impossibleLoan() {
    const { pool } = this.suite;
    const { stranger, liquidator } = this.world;
    const token = this.token();
    const { market, config, owed, account } = await this.stand(token);
    const healthy = account.threshold > (account.debt * 3n) / 2n;
    const room = BigInt(config.borrowCap) * token.unit - market.debt;
    const small = min(min(market.cash, room) / 100n, this.worth(token, 1_000, 10_000));
    const nothing = /^0x0+$/.test(account.doubtful) ? ["InsufficientCollateral"] : [];
    const tries = [
      ["borrow all", "borrow", [token.address, market.cash * 2n + 1n], "InsufficientCash"],
      ["borrow nothing", "borrow", [token.address, 0n], "ZeroAmount"],
      ["borrow what is no market", "borrow", [this.world.extra.address, 1n], "NotListed"],
      ["flash loan of too much", "flashLoan", [this.world.quiet, token.address, market.cash * 2n + 1n, "0x"], "InsufficientCash"],
      ["liquidate oneself", "liquidate", [this.me, token.address, token.address, MAX], "SelfLiquidation"],
      ["liquidate who owes nothing", "liquidate", [stranger.address, token.address, token.address, MAX], "Healthy"],
    ];
    if (owed === 0n) tries.push(["repay no debt", "repay", [token.address, 1n], "NoDebt"]);
    const [action, name, args, error] = this.random.pick(tries);
    await this.no(action, pool, name, args, error);
    if (small > 0n && nothing.length > 0 && this.random.chance(20))
      await this.refuse("borrow on nothing", stranger, pool, "borrow", [token.address, small], nothing);
    if (healthy && account.debt > 0n && this.random.chance(20)) {
      const about = [this.me, token.address, token.address, MAX];
      const since = this.block;
      await this.#liquidateHealthy(liquidator, about, since);
    }
  }

  /** By somebody else: refused, if nobody moved a price meanwhile. */
  async #liquidateHealthy(wallet, args, since) {
    const { pool } = this.suite;
    const fine = ({ number }) => this.books.moved(since, number);
    const found = await this.refuse("liquidate the healthy", wallet, pool, "liquidate", args, [
      ...["Healthy", "NoDebt", "NotCollateral"],
    ]);
    if (found.error.name !== "Healthy" && !fine(found))
      throw new Error(`block ${found.number}: ${found.error.name} instead of Healthy`);
  }

  async impossibleSupply() {
    const { pool } = this.suite;
    const token = this.token();
    const { supplied } = await this.stand(token);
    const tries = [
      ["supply nothing", "supply", [token.address, 0n], "ZeroAmount"],
      ["supply what is no market", "supply", [this.world.extra.address, 1n], "NotListed"],
      ["withdraw more than supplied", "withdraw", [token.address, supplied * 2n + 10n * token.unit], "InsufficientSupply"],
      ["withdraw nothing", "withdraw", [token.address, 0n], "ZeroAmount"],
    ];
    const [action, name, args, error] = this.random.pick(tries);
    await this.no(action, pool, name, args, error);
  }

  /** The bitcoin market's caps are tight in this run. */
  async impossibleCap() {
    const { pool } = this.suite;
    const token = this.world.wbtc;
    if (!this.world.configured) return;
    const { market, config } = await this.stand(token);
    const above = (cap) => BigInt(cap) * token.unit + token.unit;
    const supply = above(config.supplyCap);
    await this.no("supply above the cap", pool, "supply", [token.address, supply], "CapExceeded");
    const borrow = above(config.borrowCap);
    if (borrow < market.cash / 2n)
      await this.no("borrow above the cap", pool, "borrow", [token.address, borrow], "CapExceeded");
  }

  async impossibleTrade() {
    const { router } = this.suite;
    const { usd, eur, qxc, wbtc } = this.world;
    const { pair } = this.random.pick(this.world.markets());
    const [[r0]] = await this.read([[pair, "getReserves"]]);
    const hop = (token, stable) => [{ token: token.address, stable }];
    const swap = (token, amount, path) => [token.address, amount, 0n, path, this.me, MAX];
    const tries = [
      ["swap where no pair is", router, "swapExactIn", swap(eur, 100n, hop(qxc, false)), "NoPair"],
      ["swap where no stable pair is", router, "swapExactIn", swap(wbtc, 100n, hop(usd, true)), "NoPair"],
      ["swap to nowhere", router, "swapExactIn", swap(usd, 100n, []), "EmptyPath"],
      ["buy the whole reserve", router, "swapExactOut", [usd.address, 10n ** 30n, MAX, hop(wbtc, false), this.me, MAX], "InsufficientLiquidity"],
      ["take without paying", pair, "swap", [r0 / 100n, 0n, this.me, "0x"], ["ZeroInput", "CurveViolated"]],
      ["swap for nothing", pair, "swap", [0n, 0n, this.me, "0x"], "ZeroOutput"],
      ["loan of a strange token", pair, "flashLoan", [this.world.quiet, this.suite.adapter, 1n, "0x"], "UnknownToken"],
      ["pair of one token", this.suite.factory, "createPair", [usd.address, usd.address, false], "IdenticalTokens"],
      ["pair twice", this.suite.factory, "createPair", [usd.address, eur.address, false], "PairExists"],
    ];
    const [action, to, name, args, error] = this.random.pick(tries);
    await this.no(action, to, name, args, error);
  }

  async impossibleFarm() {
    const { address, reward } = this.random.pick(this.suite.farms);
    const { usd } = this.world;
    const tries = [
      ["farm for nobody", "stake", [1n, `0x${"0".repeat(40)}`], "InvalidAddress"],
      ["take nothing out", "withdraw", [0n, this.me], "ZeroAmount"],
      ["claim no reward", "claim", [usd.address, this.me], "UnknownReward"],
      ["fund without leave", "fund", [reward, 1n, MAX], "NotFunder"],
      ["recover", "recover", [reward, this.me], "OwnableUnauthorizedAccount"],
    ];
    const [action, name, args, error] = this.random.pick(tries);
    await this.no(action, address, name, args, error);
  }

  async impossibleStake() {
    const { qxc } = this.suite;
    const week = BigInt(7 * DAY);
    const far = 1_000_000n;
    const tries = [
      ["stake nothing", "stake", [0n, week], "ZeroAmount"],
      ["stake for an hour", "stake", [1n, 3_600n], "LockOutOfBounds"],
      ["stake for ever", "stake", [1n, week * 1_000n], "LockOutOfBounds"],
      ["stake for a great reward", "stake", [10n ** 18n, week, 10n ** 24n], "RewardTooSmall"],
      ["unstake what is not", "unstake", [far], "UnknownStake"],
      ["pay more than one has", "transfer", [this.world.deployer.address, 10n ** 27n], "ERC20InsufficientBalance"],
      ["take others' coin", "transferFrom", [this.world.deployer.address, this.me, 1n], "ERC20InsufficientAllowance"],
    ];
    const [action, name, args, error] = this.random.pick(tries);
    await this.no(action, qxc, name, args, error);
  }

  async impossibleOwner() {
    const { pool, qxc, adapter, factory } = this.suite;
    const token = this.token().address;
    const tries = [
      ["pause", pool, "pause", [token, 2n], "NotGuardian"],
      ["unpause", pool, "unpause", [token, 2n], "OwnableUnauthorizedAccount"],
      ["take the reserve", pool, "takeReserve", [token, this.me, MAX], "OwnableUnauthorizedAccount"],
      ["set rates", qxc, "setRewardRates", [10_000n, 0n], "OwnableUnauthorizedAccount"],
      ["accept a price", adapter, "acceptPrice", [token, 0n, MAX], "OwnableUnauthorizedAccount"],
      ["take fees", factory, "setFeeTo", [this.me], "OwnableUnauthorizedAccount"],
    ];
    const [action, to, name, args, error] = this.random.pick(tries);
    await this.no(action, to, name, args, error);
  }
}
