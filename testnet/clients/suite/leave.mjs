// S15: at the end everybody repays everything, and then everybody leaves: the lending pool, the pairs, the farms. Staked
// QXC is locked for a day at least: who wants it out earlier is told until when.

import { quantity } from "../ledger/chain.mjs";
import { Lane } from "./lane.mjs";
import { MAX } from "./world.mjs";

export class Leaving extends Lane {
  async run() {
    const { world } = this;
    const { liquidator, bankrupt, prober } = world;
    const all = [...world.people, liquidator, bankrupt, prober];
    await Promise.all(all.map((wallet) => this.#leavePairs(wallet)));
    await Promise.all(all.map((wallet) => this.#repay(wallet)));
    const { pool, tokens } = this.suite;
    const mine = new Set(all.map(({ address }) => address));
    const others = [...this.books.holders].filter((who) => !mine.has(who));
    for (const { address, name } of tokens) {
      const [market, ...holdings] = await this.read([
        [pool, "marketOf", [address]],
        ...others.map((who) => [pool, "holdingOf", [who, address]]),
      ]);
      const left = holdings.reduce((sum, [, scaled]) => sum + scaled, 0n);
      this.books.equal("S15", `all debt in ${name}`, market.scaled, left);
    }
    await Promise.all(all.map((wallet) => this.#withdraw(wallet)));
    await Promise.all(all.map((wallet) => this.#giveBack(wallet)));
    await this.#rest(others);
    await Promise.all(world.people.map((wallet) => this.#locked(wallet)));
  }

  async #leavePairs(wallet) {
    const { router } = this.suite;
    const me = wallet.address;
    for (const { address, reward } of this.suite.farms) {
      const [staked] = await this.read([[address, "stakeOf", [me]]]);
      if (staked > 0n) await this.act("exit a farm", wallet, address, "exit", [me]);
      const [left, earned] = await this.read([
        [address, "stakeOf", [me]],
        [address, "earned", [me, reward]],
      ]);
      this.books.equal("S15", `stake of ${me}`, left, 0n);
      if (staked > 0n) this.books.equal("S15", `reward of ${me}`, earned, 0n);
    }
    for (const { pair, tokens, stable } of this.world.markets()) {
      const [shares] = await this.read([[pair, "balanceOf", [me]]]);
      if (shares === 0n) continue;
      const [a, b] = tokens.map(({ address }) => address);
      const limits = { shares, minA: 0n, minB: 0n, to: me, deadline: MAX };
      const withdrawal = { tokenA: a, tokenB: b, stable, ...limits };
      const worthless = () => shares < 10n ** 16n;
      await this.act("remove liquidity", wallet, router, "removeLiquidity", [withdrawal], {
        races: { NothingToWithdraw: worthless },
      });
      const [left] = await this.read([[pair, "balanceOf", [me]]]);
      if (!worthless()) this.books.equal("S15", `shares of ${me}`, left, 0n);
    }
  }

  /** All debts; the deployer helps those who have not enough, or may not pay so much. */
  async #repay(wallet) {
    const { pool, tokens } = this.suite;
    const { deployer } = this.world;
    const me = wallet.address;
    for (const token of tokens) {
      const { address, ledger } = token;
      const [owed, balance] = await this.read([
        [pool, "owed", [me, address]],
        [address, "balanceOf", [me]],
      ]);
      if (owed === 0n) continue;
      const least = owed + owed / 100n + (token === this.world.qxc ? 10n * token.unit : 1n);
      if (balance < least)
        await this.world.call(deployer, address, "transfer", [me, least - balance]);
      const able = !(wallet.judged && ledger);
      if (able) await this.act("repay", wallet, pool, "repay", [address, MAX]);
      else await this.act("repay for", deployer, pool, "repayFor", [me, address, MAX]);
      const [left] = await this.read([[pool, "owed", [me, address]]]);
      this.books.equal("S15", `debt of ${me}`, left, 0n);
    }
    const [account] = await this.read([[pool, "accountOf", [me]]]);
    this.books.equal("S15", `all debts of ${me}`, account.debt, 0n);
  }

  async #withdraw(wallet) {
    const { pool, tokens } = this.suite;
    const me = wallet.address;
    for (const { address } of tokens) {
      const [worth] = await this.read([[pool, "supplied", [me, address]]]);
      if (worth === 0n) continue;
      const found = await this.act("withdraw", wallet, pool, "withdraw", [address, MAX]);
      const { args } = found.events.find(({ name }) => name === "Withdrawn");
      const [[shares]] = await this.read([[pool, "holdingOf", [me, address]]]);
      const what = `withdrawal of ${me}`;
      this.books.check("S15", args.amount >= worth, what, `at least ${worth}`, args.amount);
      this.books.equal("S15", `shares of ${me}`, shares, 0n);
    }
  }

  /** Ledger money goes back to the deployer, for the next run. */
  async #giveBack(wallet) {
    const { usd, eur, deployer } = this.world;
    if (wallet.judged) return;
    for (const token of [usd, eur]) {
      const [balance] = await this.read([[token.address, "balanceOf", [wallet.address]]]);
      const args = [deployer.address, balance];
      if (balance > 0n) await this.act("give back", wallet, token.address, "transfer", args);
    }
  }

  /** The others stay, and could leave too: they are asked what would become of it. */
  async #rest(others) {
    const { pool, tokens } = this.suite;
    const { nodes, contracts } = this.world;
    for (const { address } of tokens) {
      for (const who of others) {
        const block = this.block;
        const [supplied, { debt }, { cash }] = await this.read(
          [
            [pool, "supplied", [who, address]],
            [pool, "accountOf", [who]],
            [pool, "marketOf", [address]],
          ],
          block,
        );
        if (supplied === 0n || debt !== 0n || supplied > cash) continue;
        const data = contracts.encode(pool, "withdraw", [address, MAX]);
        const request = { from: who, to: pool, data };
        await nodes[block % nodes.length].call("eth_call", request, quantity(block));
        this.books.check("S15", true);
      }
    }
  }

  async #locked(wallet) {
    const { qxc } = this.suite;
    const [count] = await this.read([[qxc, "stakeCount", [wallet.address]]]);
    if (count === 0n) return;
    const [stake] = await this.read([[qxc, "stakeOf", [wallet.address, count - 1n]]]);
    if (stake.unlockTime < this.world.follower.time + 60n) return;
    const found = await this.refuse(
      ...["unstake too early", wallet, qxc, "unstake", [count - 1n], "StakeLocked"],
    );
    const [, until] = found.error.args;
    this.books.equal("S15", `lock of ${wallet.address}`, until, stake.unlockTime);
  }
}
