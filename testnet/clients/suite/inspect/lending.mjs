// The lending pool: S1 to S6, S8 and S9 of contracts/test/lending/LendingProperties.sol.

import { taking } from "../reader.mjs";

const VIRTUAL_SHARES = 1_000_000n;
const sum = (list) => [...list].reduce((a, b) => a + b, 0n);
const total = (counts) => [...counts.values()].reduce((a, b) => a + b, 0);

export function lending({ pool, tokens }, books) {
  const worthOf = (shares, { assets, shares: all }) =>
    (shares * (assets + 1n)) / (all + VIRTUAL_SHARES);

  function ask({ holders }) {
    return [
      ...tokens.flatMap(({ address }) => [
        [pool, "marketOf", [address]],
        [address, "balanceOf", [pool]],
        ...holders.flatMap((who) => [
          [pool, "holdingOf", [who, address]],
          [pool, "supplied", [who, address]],
        ]),
      ]),
      ...holders.map((who) => [pool, "accountOf", [who]]),
    ];
  }

  function take(picture, answers, before) {
    const { number, said } = picture;
    const next = taking(answers);
    const holders = new Map(said.holders.map((who) => [who, { secured: false, indebted: false }]));
    picture.markets = new Map();
    for (const { address, name } of tokens) {
      const what = (text) => `block ${number}, market ${name}: ${text}`;
      const market = next();
      const balance = next();
      let [shares, scaled, claims] = [market.reserveShares, 0n, 0n];
      for (const [who, holder] of holders) {
        const [owned, owes, collateral] = next();
        claims += next();
        shares += owned;
        scaled += owes;
        if (collateral)
          books.check("S4", owned > 0n, what(`collateral of ${who}`), "shares", owned);
        holder.secured ||= collateral;
        holder.indebted ||= owes !== 0n;
      }
      const seen = { ...market, assets: market.cash + market.debt, claims };
      seen.reserve = worthOf(market.reserveShares, seen);
      seen.surplus = balance - market.cash;
      books.equal("S1", what("sum of shares"), shares, market.shares);
      books.equal("S1", what("sum of scaled debts"), scaled, market.scaled);
      const claimed = claims + seen.reserve;
      books.check("S2", seen.assets >= claimed, what("assets"), `at least ${claimed}`, seen.assets);
      books.check("S3", seen.surplus >= 0n, what("balance"), `at least ${market.cash}`, balance);
      picture.markets.set(address, seen);
      if (before) compare(what, address, before, picture, seen);
    }
    picture.accounts = new Map();
    for (const [who, { secured, indebted }] of holders) {
      const account = next();
      books.check("S4", secured || !indebted, `block ${number}: ${who}`, "collateral", "debt only");
      books.equal("S4", `block ${number}: debt of ${who} in sum`, account.debt !== 0n, indebted);
      picture.accounts.set(who, account);
      const old = before?.accounts.get(who);
      // S5, of a chain on which time goes on: who is a thousandth above its debt does not fall below in moments.
      const still =
        before?.said.moves === said.moves && said.unsettled + before.said.unsettled === 0;
      const written = before && total(before.said.writeOffs) !== total(said.writeOffs);
      if (!old || !still || written || old.threshold * 1000n < old.debt * 1001n) continue;
      const holds = account.threshold >= account.debt;
      books.check(
        "S5",
        holds,
        `block ${number}: ${who}`,
        `${account.debt} at least`,
        account.threshold,
      );
    }
  }

  function compare(what, token, before, now, b) {
    const a = before.markets.get(token);
    books.check("S6", b.index >= a.index, what("index"), `at least ${a.index}`, b.index);
    books.check(
      "S3",
      b.surplus >= a.surplus,
      what("donations"),
      `at least ${a.surplus}`,
      b.surplus,
    );
    if (now.said.writeOffs.get(token) === before.said.writeOffs.get(token)) {
      // But for a share: those for the fee of the time since the market was written are rounded down.
      const left = (b.assets + 1n) * (a.shares + VIRTUAL_SHARES);
      const right = (a.assets + 1n) * (b.shares + VIRTUAL_SHARES - 1n);
      books.check("S6", left >= right, what("worth of a share"), `at least ${right}`, left);
    }
    if (now.said.lending !== before.said.lending) return;
    // Only time went by. Each claim is rounded down, before and after: it may seem to gain a unit.
    const charged = b.debt - a.debt + BigInt(now.said.holders.length) + 1n;
    const earned = b.claims + b.reserve - a.claims - a.reserve;
    books.check("S8", charged >= earned, what("interest"), `at least ${earned}`, charged);
    books.equal("S8", what("cash, as time goes by"), b.cash, a.cash);
  }

  /** S9, at the end of each block in which somebody supplied or borrowed. */
  async function block({ number, events }, reader) {
    const of = (name) => events.filter((e) => e.address === pool && e.name === name);
    const supplied = [...new Set(of("Supplied").map(({ args }) => args.token))];
    const borrowed = of("Borrowed");
    const owed = [...new Set(borrowed.map(({ args }) => args.token))];
    if (supplied.length + owed.length === 0) return;
    const all = [...new Set([...supplied, ...owed])];
    const settled = !events.some(({ kind }) => kind === "IOracle");
    const debtors = settled ? [...new Set(borrowed.map(({ args }) => args.account))] : [];
    const next = taking(
      await reader.at(number, [
        ...all.flatMap((token) => [
          [pool, "marketOf", [token]],
          [pool, "configOf", [token]],
        ]),
        ...debtors.map((who) => [pool, "accountOf", [who]]),
      ]),
    );
    const fees = (token) =>
      sum(of("FlashLoan").map(({ args }) => (args.token === token ? args.fee : 0n)));
    for (const token of all) {
      const { unit, name } = tokens.find(({ address }) => address === token);
      const market = next();
      const config = next();
      const what = `block ${number}, market ${name}`;
      if (supplied.includes(token)) {
        const cap = BigInt(config.supplyCap) * unit + fees(token);
        const assets = market.cash + market.debt;
        books.check("S9", assets <= cap, `${what}: supply cap`, `at most ${cap}`, assets);
      }
      if (owed.includes(token)) {
        const cap = BigInt(config.borrowCap) * unit;
        books.check("S9", market.debt <= cap, `${what}: borrow cap`, `at most ${cap}`, market.debt);
      }
    }
    for (const who of debtors) {
      const { debt, limit } = next();
      books.check("S9", debt <= limit, `block ${number}: loan of ${who}`, `at most ${limit}`, debt);
    }
  }

  return { ask, take, block };
}
