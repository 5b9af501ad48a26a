// Tries what cannot be: each attempt has an error of its own.

import { MAX } from "../world.mjs";

const DAY = 86_400;
const min = (a, b) => (a < b ? a : b);

export const Joker = (Base) =>
  class extends Base {
    steps() {
      return [
        ...super.steps(),
        ...[
          "impossibleLoan",
          "impossibleSupply",
          "impossibleTrade",
          "impossibleFarm",
          "impossibleStake",
          "impossibleCap",
          "impossibleOwner",
        ],
      ];
    }

    async impossibleLoan() {
      const { pool } = this.suite;
      const { stranger, liquidator } = this.world;
      const token = this.token();
      const stood = await this.stand(token);
      const { since, market, config, owed, account, doubtful } = stood;
      const changed = ({ number }) => this.books.moved(since, number);
      const healthy = account.threshold > (account.debt * 3n) / 2n;
      const room = BigInt(config.borrowCap) * token.unit - market.debt;
      const small = min(min(market.cash, room) / 100n, this.worth(token, 1_000, 10_000));
      const tries = [
        ["borrow all", "borrow", [token.address, market.cash * 2n + 1n], "InsufficientCash"],
        ["borrow nothing", "borrow", [token.address, 0n], "ZeroAmount"],
        ["borrow what is no market", "borrow", [this.world.extra.address, 1n], "NotListed"],
        [
          "flash loan of too much",
          "flashLoan",
          [this.world.quiet, token.address, market.cash * 2n + 1n, "0x"],
          "InsufficientCash",
        ],
        [
          "liquidate oneself",
          "liquidate",
          [this.me, token.address, token.address, MAX],
          "SelfLiquidation",
        ],
        [
          "liquidate who owes nothing",
          "liquidate",
          [stranger.address, token.address, token.address, MAX],
          "Healthy",
        ],
      ];
      if (owed === 0n) tries.push(["repay no debt", "repay", [token.address, 1n], "NoDebt"]);
      const [action, name, args, error] = this.random.pick(tries);
      await this.no(action, pool, name, args, error);
      if (small > 0n && !doubtful && this.random.chance(20)) {
        const loan = [stranger, pool, "borrow", [token.address, small], "InsufficientCollateral"];
        await this.refuse("borrow on nothing", ...loan, { races: { PriceInDoubt: changed } });
      }
      if (healthy && account.debt > 0n && this.random.chance(20)) {
        const whole = [this.me, token.address, token.address, MAX];
        const races = { NoDebt: changed, NotCollateral: changed };
        const take = [liquidator, pool, "liquidate", whole, "Healthy", { races }];
        await this.refuse("liquidate the healthy", ...take);
      }
    }

    async impossibleSupply() {
      const { pool } = this.suite;
      const token = this.token();
      const { supplied } = await this.stand(token);
      const tries = [
        ["supply nothing", "supply", [token.address, 0n], "ZeroAmount"],
        ["supply what is no market", "supply", [this.world.extra.address, 1n], "NotListed"],
        [
          "withdraw more than supplied",
          "withdraw",
          [token.address, supplied * 2n + 10n * token.unit],
          "InsufficientSupply",
        ],
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
        await this.no(
          "borrow above the cap",
          pool,
          "borrow",
          [token.address, borrow],
          "CapExceeded",
        );
    }

    async impossibleTrade() {
      const { router } = this.suite;
      const { usd, eur, qxc, wbtc } = this.world;
      const { pair } = this.random.pick(this.world.markets());
      const [[r0]] = await this.read([[pair, "getReserves"]]);
      const hop = (token, stable) => [{ token: token.address, stable }];
      const swap = (token, amount, path) => [token.address, amount, 0n, path, this.me, MAX];
      const tries = [
        [
          "swap where no pair is",
          router,
          "swapExactIn",
          swap(eur, 100n, hop(qxc, false)),
          "NoPair",
        ],
        [
          "swap where no stable pair is",
          router,
          "swapExactIn",
          swap(wbtc, 100n, hop(usd, true)),
          "NoPair",
        ],
        ["swap to nowhere", router, "swapExactIn", swap(usd, 100n, []), "EmptyPath"],
        [
          "buy the whole reserve",
          router,
          "swapExactOut",
          [usd.address, 10n ** 30n, MAX, hop(wbtc, false), this.me, MAX],
          "InsufficientLiquidity",
        ],
        [
          "take without paying",
          pair,
          "swap",
          [r0 / 100n, 0n, this.me, "0x"],
          ["ZeroInput", "CurveViolated"],
        ],
        ["swap for nothing", pair, "swap", [0n, 0n, this.me, "0x"], "ZeroOutput"],
        [
          "loan of a strange token",
          pair,
          "flashLoan",
          [this.world.quiet, this.suite.adapter, 1n, "0x"],
          "UnknownToken",
        ],
        [
          "pair of one token",
          this.suite.factory,
          "createPair",
          [usd.address, usd.address, false],
          "IdenticalTokens",
        ],
        [
          "pair twice",
          this.suite.factory,
          "createPair",
          [usd.address, eur.address, false],
          "PairExists",
        ],
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
        [
          "pay more than one has",
          "transfer",
          [this.world.deployer.address, 10n ** 27n],
          "ERC20InsufficientBalance",
        ],
        [
          "take others' coin",
          "transferFrom",
          [this.world.deployer.address, this.me, 1n],
          "ERC20InsufficientAllowance",
        ],
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
        [
          "take the reserve",
          pool,
          "takeReserve",
          [token, this.me, MAX],
          "OwnableUnauthorizedAccount",
        ],
        ["set rates", qxc, "setRewardRates", [10_000n, 0n], "OwnableUnauthorizedAccount"],
        ["accept a price", adapter, "acceptPrice", [token, 0n, MAX], "OwnableUnauthorizedAccount"],
        ["take fees", factory, "setFeeTo", [this.me], "OwnableUnauthorizedAccount"],
      ];
      const [action, to, name, args, error] = this.random.pick(tries);
      await this.no(action, to, name, args, error);
    }
  };
