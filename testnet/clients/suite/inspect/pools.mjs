// The pairs: S3, S10 and P1 to P4 of contracts/test/pools/PoolProperties.sol. S10 and S14 of single actions: `books.mjs`.

import { keeps } from "../curve.mjs";
import { taking } from "../reader.mjs";

const LOCKED = "0x000000000000000000000000000000000000dead";
const MINIMUM_LIQUIDITY = 1_000n;

export function pools(suite, books) {
  function ask({ pairs }) {
    return pairs.flatMap(({ address, token0, token1, shares }) => [
      [address, "getReserves"],
      [token0, "balanceOf", [address]],
      [token1, "balanceOf", [address]],
      [address, "totalSupply"],
      [address, "cumulativePrices"],
      [address, "balanceOf", [LOCKED]],
      ...shares.map((who) => [address, "balanceOf", [who]]),
    ]);
  }

  function take(picture, answers, before) {
    const next = taking(answers);
    picture.pairs = new Map();
    for (const pair of picture.said.pairs) {
      const what = (text) => `block ${picture.number}, pair ${pair.address}: ${text}`;
      const [r0, r1] = next();
      const [b0, b1, supply, [sum0, sum1], locked] = [next(), next(), next(), next(), next()];
      const owned = pair.shares.reduce((sum) => sum + next(), 0n);
      books.equal("P3", what("reserve 0, by the events"), r0, pair.r0);
      books.equal("P3", what("reserve 1, by the events"), r1, pair.r1);
      books.equal("P3", what("shares, by the events"), supply, pair.supply);
      books.check("S3", b0 >= r0, what("balance of token 0"), `at least ${r0}`, b0);
      books.check("S3", b1 >= r1, what("balance of token 1"), `at least ${r1}`, b1);
      books.equal("P1", what("shares of somebody"), owned, supply);
      books.equal("P1", what("locked shares"), locked, MINIMUM_LIQUIDITY);
      books.check("P2", r0 > 0n && r1 > 0n, what("reserves"), "not empty", `${r0}, ${r1}`);
      const now = { r0, r1, supply, sum0, sum1 };
      picture.pairs.set(pair.address, now);
      const old = before?.pairs.get(pair.address);
      if (!old) continue;
      const shown = JSON.stringify([old, now], (_, v) => (typeof v === "bigint" ? `${v}` : v));
      books.check("S10", keeps(pair, old, now), what("k for a share"), "no less", shown);
      if (before.time === picture.time) {
        books.equal("P4", what("sum of prices 0"), sum0, old.sum0);
        books.equal("P4", what("sum of prices 1"), sum1, old.sum1);
      } else {
        books.check("P4", sum0 > old.sum0, what("sum of prices 0"), `above ${old.sum0}`, sum0);
      }
    }
  }

  return { ask, take };
}
