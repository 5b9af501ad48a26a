// The farms: S11, S12, F1 and F2 of contracts/test/farming/FarmProperties.sol, and F3 as far as time goes.

import { taking } from "../reader.mjs";

export function farms({ farms: list }, books) {
  const stakersOf = ({ stakers }, farm) => stakers.get(farm) ?? [];

  function ask(said) {
    return list.flatMap(({ address, share, reward }) => [
      [address, "totalStaked"],
      [share, "balanceOf", [address]],
      [reward, "balanceOf", [address]],
      [address, "rewardState", [reward]],
      ...stakersOf(said, address).flatMap((who) => [
        [address, "stakeOf", [who]],
        [address, "earned", [who, reward]],
      ]),
    ]);
  }

  function take(picture, answers, before) {
    const next = taking(answers);
    picture.farms = new Map();
    for (const { address, name } of list) {
      const what = (text) => `block ${picture.number}, ${name}: ${text}`;
      const [total, shares, rewards] = [next(), next(), next()];
      const [funded, paid, remaining] = next();
      const who = stakersOf(picture.said, address);
      const earned = new Map();
      let staked = 0n;
      let owed = 0n;
      for (const staker of who) {
        staked += next();
        earned.set(staker, next());
        owed += earned.get(staker);
      }
      const sum = owed + paid;
      books.check("S11", sum <= funded, what("owed and paid"), `at most ${funded}`, sum);
      const all = sum + remaining;
      books.check("S11", all <= funded, what("with the future"), `at most ${funded}`, all);
      // Each account has a fraction of a unit at most, and so has what remains.
      const least = funded - BigInt(who.length) - 1n;
      books.check("F1", all >= least, what("nothing is lost"), `at least ${least}`, all);
      books.equal("S12", what("sum of stakes"), staked, total);
      books.check("S12", shares >= total, what("stakes are there"), `at least ${total}`, shares);
      books.check("F2", rewards >= funded - paid, what("rewards"), `${funded - paid}`, rewards);
      picture.farms.set(address, { paid, earned });
      const old = before?.farms.get(address);
      if (old?.paid !== paid) continue;
      for (const [staker, now] of earned) {
        const then = old.earned.get(staker) ?? 0n;
        books.check("F3", now >= then, what(`reward of ${staker}`), `at least ${then}`, now);
      }
    }
  }

  return { ask, take };
}
