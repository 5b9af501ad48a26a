// Looks for unhealthy accounts, and takes from them what the rules allow.

import { sleep } from "../ledger/chain.mjs";
import { Lane } from "./lane.mjs";
import { MAX } from "./world.mjs";

export class Liquidator extends Lane {
  async run(time) {
    try {
      while (time()) if (!(await this.#round())) await sleep(100);
    } catch (error) {
      error.message = `${this.name}: ${error.message}`;
      throw error;
    }
  }

  async #round() {
    if (this.world.calm) return false;
    const { pool, tokens } = this.suite;
    const { liquidator } = this.world;
    const since = this.block;
    const holders = [...this.books.holders].filter((who) => who !== liquidator.address);
    if (holders.length === 0) return false;
    const asked = holders.map((who) => [pool, "accountOf", [who]]);
    const accounts = await this.read(asked, since);
    const weak = holders.filter((_, i) => accounts[i].debt > accounts[i].threshold);
    if (weak.length === 0) return false;
    const who = this.random.pick(weak);
    const holdings = await this.read(
      tokens.flatMap(({ address }) => [
        [pool, "holdingOf", [who, address]],
        [pool, "owed", [who, address]],
        [address, "balanceOf", [liquidator.address]],
      ]),
      since,
    );
    const of = tokens.map((token, i) => ({
      token,
      collateral: holdings[3 * i][2],
      owed: holdings[3 * i + 1],
      balance: holdings[3 * i + 2],
    }));
    const debt = this.random.pick(of.filter(({ owed }) => owed > 0n));
    const seized = this.random.pick(of.filter(({ collateral }) => collateral));
    if (debt.balance < debt.owed * 2n) {
      await this.#refill(debt.token, debt.owed);
      return true;
    }
    await this.#liquidate(who, debt, seized, since);
    return true;
  }

  async #refill(token, owed) {
    const { deployer, liquidator } = this.world;
    const args = [liquidator.address, owed * 4n];
    await this.world.call(deployer, token.address, "transfer", args);
  }

  async #liquidate(who, { token: debt, owed }, { token: seized }, since) {
    const { pool, adapter } = this.suite;
    const { books } = this;
    const changed = ({ number }) => books.moved(since, number) || books.acted(who, since, number);
    const amount = this.random.chance(75) ? MAX : (owed * this.random.amount(5, 60)) / 100n + 1n;
    // A part that would leave dust, or is worth nothing, is refused; others may have been there before.
    const races = { DustLeft: () => true, AmountTooSmall: () => true };
    for (const error of ["Healthy", "NoDebt", "NotCollateral"]) races[error] = changed;
    const args = [who, debt.address, seized.address, amount];
    const { liquidator } = this.world;
    const found = await this.act("liquidate", liquidator, pool, "liquidate", args, { races });
    if (!found) return;
    const { args: done } = found.events.find(({ name }) => name === "Liquidated");
    if (found.events.some(({ name }) => name === "DebtWrittenOff"))
      this.tally.count("write off", "ok");
    // Not more than the bonus, at the prices of the block, if they stood still in it.
    if (books.moved(found.number - 1, found.number)) return;
    const [[priceD, doubtD], [priceC, doubtC], config] = await this.read(
      [
        [adapter, "quote", [debt.address]],
        [adapter, "quote", [seized.address]],
        [pool, "configOf", [seized.address]],
      ],
      found.number,
    );
    const low = (priceD * (10_000n - doubtD)) / 10_000n + 1n;
    const high = (priceC * (10_000n + doubtC)) / 10_000n;
    const worth = (((done.repaid * low) / debt.unit) * (10_000n + BigInt(config.bonus))) / 10_000n;
    const got = ((done.seized > 2n ? done.seized - 2n : 0n) * high) / seized.unit;
    const what = `block ${found.number}: seized from ${who}`;
    books.check("bonus", got <= worth + 10n ** 9n, what, `at most ${worth}`, got);
  }
}
