// QXC: S12 and S13 of contracts/test/qxc/QxcInvariants.t.sol, with the history of votes.

import { taking } from "../reader.mjs";

/** Most stakes of an account that are read. */
const STAKES = 1_000n;
/** Votes of the past that are kept to be asked for again. */
const KEPT = 50;

export function votes({ qxc, multicall }, books) {
  /** Votes at the end of seconds: `{ second, votes, total }`. */
  const past = [];
  let open;
  let turn = 0;

  function ask({ voters }, { time }) {
    const old = past.filter(({ second }) => second < time);
    const recalled = old.length > 0 ? old[turn++ % old.length] : undefined;
    const asked = [
      [qxc, "totalStaked"],
      [qxc, "rewardsReserved"],
      [qxc, "rewardsFree"],
      [multicall, "getEthBalance", [qxc]],
      [qxc, "balanceOf", [qxc]],
      [qxc, "totalVotes"],
      ...voters.flatMap((who) => [
        [qxc, "stakesOf", [who, 0n, STAKES]],
        [qxc, "getVotes", [who]],
        [qxc, "delegates", [who]],
      ]),
    ];
    if (recalled) {
      asked.push([qxc, "getPastTotalSupply", [recalled.second]]);
      for (const who of recalled.votes.keys())
        asked.push([qxc, "getPastVotes", [who, recalled.second]]);
    }
    recalls.push(recalled);
    return asked;
  }
  const recalls = [];

  function take(picture, answers) {
    const next = taking(answers);
    const what = (text) => `block ${picture.number}, QXC: ${text}`;
    const [staked, reserved, free, coin, shown, total] = [
      next(),
      next(),
      next(),
      next(),
      next(),
      next(),
    ];
    let [stakes, promised] = [0n, 0n];
    const model = new Map();
    const found = new Map();
    for (const who of picture.said.voters) {
      const list = next();
      found.set(who, next());
      const to = next();
      for (const { amount, reward, votesUntil, unstaked } of list) {
        if (unstaked) continue;
        stakes += amount;
        promised += reward;
        if (votesUntil > picture.time) model.set(to, (model.get(to) ?? 0n) + amount);
      }
    }
    books.equal("S12", what("sum of stakes"), stakes, staked);
    books.equal("S12", what("sum of promised rewards"), promised, reserved);
    const held = staked + reserved + free;
    books.check("S12", held <= coin, what("coin held"), `at least ${held}`, coin);
    books.equal("S12", what("the face's balance"), shown, coin);
    let sum = 0n;
    for (const [who, own] of found) {
      books.equal("S13", what(`votes of ${who}`), own, model.get(who) ?? 0n);
      sum += own;
    }
    books.equal("S13", what("sum of votes"), sum, total);
    books.check("S13", total <= staked, what("votes"), `at most ${staked}`, total);
    const recalled = recalls.shift();
    if (recalled) {
      const second = recalled.second;
      books.equal("S13", what(`all votes of second ${second}`), next(), recalled.total);
      for (const [who, then] of recalled.votes)
        books.equal("S13", what(`votes of ${who} in second ${second}`), next(), then);
    }
    // Those of the second, if the block was its last.
    const record = { number: picture.number, second: picture.time, votes: found, total };
    if (seconds.get(picture.number + 1) > picture.time) keep(record);
    else if (!seconds.has(picture.number + 1)) open = record;
  }

  function keep(record) {
    past.push(record);
    if (past.length > KEPT) past.shift();
  }

  /** Times of the last blocks. */
  const seconds = new Map();

  async function block({ number, time }) {
    seconds.set(number, time);
    seconds.delete(number - 500);
    if (open?.number === number - 1) {
      if (time > open.second) keep(open);
      open = undefined;
    }
  }

  return { ask, take, block };
}
