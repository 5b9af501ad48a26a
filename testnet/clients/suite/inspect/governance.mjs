// Proposals: S13 of contracts/test/governance/GovernanceInvariants.t.sol. When they were executed: at each block.

import { taking } from "../reader.mjs";

const EXECUTED = 7;

export function governance({ governors, qxc }, books) {
  function ask({ proposals }, { time }) {
    return proposals.flatMap(({ governor, id, snapshot }) => [
      [governor, "proposalVotes", [id]],
      [governor, "proposalSnapshot", [id]],
      [governor, "state", [id]],
      ...(snapshot !== undefined && snapshot < time
        ? [[qxc, "getPastTotalSupply", [snapshot]]]
        : []),
    ]);
  }

  function take(picture, answers) {
    const next = taking(answers);
    for (const said of picture.said.proposals) {
      const what = (text) => `block ${picture.number}, proposal ${said.id}: ${text}`;
      const [against, inFavour, abstained] = next();
      const snapshot = next();
      const state = Number(next());
      const cast = against + inFavour + abstained;
      books.equal("S13", what("votes cast, by the events"), cast, said.cast);
      books.equal("S13", what("executed"), state === EXECUTED, said.executed !== undefined);
      if (snapshot >= picture.time) books.equal("S13", what("votes before the snapshot"), cast, 0n);
      if (said.snapshot !== undefined && said.snapshot < picture.time) {
        const all = next();
        books.check("S13", cast <= all, what("votes cast"), `at most ${all}`, cast);
      }
      const kept = books.proposals.get(`${said.governor} ${said.id}`);
      kept.snapshot = snapshot;
    }
  }

  /** Nothing is executed before its time. */
  async function block({ number, time, events }) {
    for (const { kind, name, args, address } of events) {
      if (kind !== "QenexGovernor" || name !== "ProposalExecuted") continue;
      const { eta, id } = books.proposals.get(`${address} ${args.proposalId}`);
      const { delay } = governors.get(address);
      const holds = eta !== undefined && time >= eta;
      books.check("S13", holds, `block ${number}: execution of ${id}`, `from ${eta} on`, time);
      const queuedAt = queued.get(`${address} ${args.proposalId}`);
      const waited = queuedAt !== undefined && time >= queuedAt + delay;
      books.check("S13", waited, `block ${number}: ${id}`, `${delay} s after ${queuedAt}`, time);
    }
    for (const { kind, name, args, address } of events)
      if (kind === "QenexGovernor" && name === "ProposalQueued")
        queued.set(`${address} ${args.proposalId}`, time);
  }
  const queued = new Map();

  return { ask, take, block };
}
