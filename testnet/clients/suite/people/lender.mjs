// Lends to the lending pool and borrows from it. Steps that people take more often come twice.

import { COIN, MAX } from "../world.mjs";

const BPS = 10_000n;
/** What interest and rounding up may add to my debts before an action comes: a cent of each currency that has cents. */
const CENTS = (3n * COIN) / 100n;
const min = (a, b) => (a < b ? a : b);

export const Lender = (Base) =>
  class extends Base {
    steps() {
      return [
        ...super.steps(),
        ...[
          "supply",
          "supply",
          "withdraw",
          "borrow",
          "borrow",
          "repay",
          "repayOther",
          "collateral",
          "flashLoan",
          "give",
        ],
      ];
    }

    /** Who supplied can borrow, who owes can repay. */
    stepsAfter() {
      return [...super.stepsAfter(), "borrow", "repay", "repayOther", "withdraw", "collateral"];
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
      const owing = account.debt + CENTS;
      const free = account.limit > owing ? account.limit - owing : 0n;
      const room = doubtful ? 0n : (free * token.unit) / price;
      const stood = { since, account, market, config, shares, collateral, supplied, owed, room };
      return { ...stood, doubtful, price };
    }

    /** Refusals that are right if prices moved, or others changed my account. */
    races(since) {
      const { books, me } = this;
      const changed = ({ number }) =>
        books.moved(since, number) || books.touched(me, since, number);
      return { InsufficientCollateral: changed, PriceInDoubt: changed };
    }

    touched(since) {
      return ({ number }) => this.books.touched(this.me, since, number);
    }

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
      const { since, account, market, config, collateral, supplied, room } =
        await this.stand(token);
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
      const share = this.random.chance(40) ? 999n : this.random.amount(10, 700);
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
      const { since, account, config, shares, collateral, supplied, room } =
        await this.stand(token);
      if (shares === 0n) {
        const args = [token.address, true];
        await this.no("collateral on nothing", pool, "setCollateral", args, "NotCollateral");
        await this.supply();
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
  };
