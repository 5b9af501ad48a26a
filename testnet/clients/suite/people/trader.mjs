// Trades through the router, provides liquidity, borrows from pairs for a transaction.

import { MAX } from "../world.mjs";

const BPS = 10_000n;
const min = (a, b) => (a < b ? a : b);

export const Trader = (Base) =>
  class extends Base {
    steps() {
      return [
        ...super.steps(),
        ...[
          "swapIn",
          "swapIn",
          "swapOut",
          "swapOut",
          "deposit",
          "deposit",
          "redeem",
          "flashPair",
          "giveToPair",
          "skim",
          "thereAndBack",
        ],
      ];
    }

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
        const error = late
          ? "Expired"
          : ["TooLittleOut", ...(this.wallet.judged ? ["ReviewRequired", "RiskRejected"] : [])];
        await this.no(
          late ? "swap too late" : "swap for too much",
          router,
          "swapExactIn",
          args,
          error,
        );
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
      const [quoted] = await this.read([
        [router, "quoteExactOut", [tokenIn.address, amount, hops]],
      ]);
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

    async deposit({ tokens, stable } = this.random.pick(this.world.markets())) {
      const { router } = this.suite;
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
      await this.do("flash loan of a pair", pair, "flashLoan", [
        receiver,
        token.address,
        amount,
        "0x",
      ]);
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

    /** Bought and sold again in one transaction: nobody gains by it. */
    async thereAndBack() {
      const { router } = this.suite;
      const { usd, contracts } = this.world;
      const { tokens, stable } = this.random.pick(this.world.markets());
      const [other] = tokens;
      const balance = await this.have(other);
      const amount = this.worth(usd, 200, 50_000);
      const there = [{ token: usd.address, stable }];
      const back = [{ token: other.address, stable }];
      const asked = [router, "quoteExactOut", [other.address, amount, there]];
      const [quoted] = await this.read([asked]);
      const most = (quoted * 12n) / 10n + 2n;
      if (most > balance) return;
      const calls = [
        ["swapExactOut", [other.address, amount, most, there, this.me, MAX]],
        ["swapExactIn", [usd.address, amount, 0n, back, this.me, MAX]],
      ].map(([name, args]) => contracts.encode(router, name, args));
      const found = await this.act("there and back", this.wallet, router, "multicall", [calls], {
        pays: usd,
      });
      if (!found) return;
      for (const { address } of [other, usd]) {
        const gained = found.events
          .filter((event) => event.address === address && event.name === "Transfer")
          .reduce((sum, { args: { from, to, value = 0n } }) => {
            return sum + (to === this.me ? value : 0n) - (from === this.me ? value : 0n);
          }, 0n);
        const what = `block ${found.number}: there and back by ${this.me}`;
        this.books.check("S7", gained <= 0n, what, "no gain", gained);
      }
    }
  };
