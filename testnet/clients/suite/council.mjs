// Governance: a whole vote after the other by a governor with short delays; with the suite's own, whose first delay is a
// day, what can be done before. And everything that is too early, too late, or not for everybody.

import { keccak256, stringToHex } from "viem";
import { Lane } from "./lane.mjs";
import { COIN } from "./world.mjs";

const [AGAINST, FOR, ABSTAIN] = [0, 1, 2];
const STATE = "GovernorUnexpectedProposalState";
const DAY = 86_400n;

export class Council extends Lane {
  #number = 0;
  #own = 0;
  #ready = false;

  steps() {
    return ["vote", "vote", "vote", "ask", "delegate"];
  }

  /** The first stakes: their votes count from the next second on. */
  async begin() {
    const { council } = this.world;
    const [first, ...others] = council;
    const { qxc } = this.suite;
    await Promise.all([
      this.act("stake", first, qxc, "stake", [120_000n * COIN, 30n * DAY]),
      ...others.map((one) => this.act("stake", one, qxc, "stake", [5_000n * COIN, 30n * DAY])),
    ]);
    await this.world.follower.until(this.world.follower.time + 2n);
    this.#ready = true;
  }

  #proposal(target, data, text) {
    const hash = keccak256(stringToHex(text));
    return { args: [[target], [0n], [data]], text, hash };
  }

  async #propose(governor, { args, text, hash }) {
    const [proposer] = this.world.council;
    await this.act("propose", proposer, governor, "propose", [...args, text]);
    const [id] = await this.read([[governor, "hashProposal", [...args, hash]]]);
    return id;
  }

  /** From proposal to execution; now and then it is voted down, or cancelled by the guardian. */
  async vote() {
    if (!this.#ready) await this.begin();
    const { world } = this;
    const { governor, timelock, effect, stranger, council, follower, deployer } = world;
    const number = BigInt((this.#number += 1));
    const data = world.contracts.encode(effect, "act", [number]);
    const proposal = this.#proposal(effect, data, `${world.run}: ${number}`);
    const { args, hash, text } = proposal;
    const whole = [...args, hash];
    const without = "GovernorInsufficientProposerVotes";
    await this.refuse(
      "propose without votes",
      stranger,
      governor,
      "propose",
      [...args, `${text} too`],
      without,
    );
    const id = await this.#propose(governor, proposal);
    const [snapshot, deadline] = await this.read([
      [governor, "proposalSnapshot", [id]],
      [governor, "proposalDeadline", [id]],
    ]);
    const after = (second) => ({
      late: ({ time }) => time > second,
    });
    const ballot = [stranger, governor, "castVote", [id, FOR], STATE];
    if (follower.time + 1n < snapshot)
      await this.refuse("vote too early", ...ballot, after(snapshot));
    await follower.until(snapshot + 1n);

    // The first goes all the way; it has most votes.
    const accepted = number === 1n || this.random.chance(75);
    const support = () => this.random.pick([AGAINST, FOR, ABSTAIN]);
    const over = ({ time }) => time > deadline;
    const voted = await Promise.all(
      council.map((one, i) => {
        const mine = i > 0 ? support() : accepted ? FOR : AGAINST;
        const races = { [STATE]: over };
        return this.act("vote", one, governor, "castVote", [id, mine], { races });
      }),
    );
    if (voted[1]) {
      const again = [council[1], governor, "castVote", [id, FOR], "GovernorAlreadyCastVote"];
      await this.refuse("vote twice", ...again, { races: { [STATE]: over } });
    }
    const queue = [stranger, governor, "queue", whole];
    let queued = false;
    if (follower.time + 2n < deadline) {
      const found = await this.refuse("queue too early", ...queue, STATE, after(deadline));
      queued = found.status === "0x1";
    }
    await follower.until(deadline + 1n);
    await this.refuse("vote too late", ...ballot);
    const [[against, inFavour]] = await this.read([[governor, "proposalVotes", [id]]]);
    if (!queued && inFavour <= against) {
      await this.refuse("queue what was voted down", ...queue, STATE);
      return;
    }
    if (!queued) await this.act("queue", ...queue);
    const [eta] = await this.read([[governor, "proposalEta", [id]]]);
    const execute = [stranger, governor, "execute", whole];
    let executed = false;
    if (follower.time + 1n < eta) {
      const early = "TimelockUnexpectedOperationState";
      const found = await this.refuse("execute too early", ...execute, early, after(eta - 1n));
      executed = found.status === "0x1";
    }
    const past = [effect, 0n, data, `0x${"0".repeat(64)}`, `0x${"0".repeat(64)}`];
    const role = "AccessControlUnauthorizedAccount";
    await this.refuse("execute past the governor", stranger, timelock, "execute", past, role);
    if (!executed && number > 1n && this.random.chance(20)) {
      await this.act("cancel", deployer, governor, "cancel", whole);
      await follower.until(eta);
      await this.refuse("execute what was cancelled", ...execute, STATE);
      await this.#effect(number, false);
      return;
    }
    await follower.until(eta);
    if (!executed) await this.act("execute", ...execute);
    await this.refuse("execute twice", ...execute, STATE);
    await this.#effect(number, true);
  }

  async #effect(number, done) {
    const { effect } = this.world;
    const [at, strangers] = await this.read([
      [effect, "doneAt", [number]],
      [effect, "strangers"],
    ]);
    this.books.equal("S13", `proposal ${number} was carried out`, at > 0n, done);
    this.books.equal("S13", "calls of others, or twice", strangers, 0n);
  }

  /** The suite's own governor: a proposal, refusals of all that is too early, and the guardian's cancel. */
  async ask() {
    if (!this.#ready) await this.begin();
    const { governor, qxc } = this.suite;
    const { council, stranger, deployer, contracts } = this.world;
    const data = contracts.encode(qxc, "acceptOwnership", []);
    const text = `${this.world.run}: own ${(this.#own += 1)}`;
    const proposal = this.#proposal(qxc, data, text);
    const whole = [...proposal.args, proposal.hash];
    const id = await this.#propose(governor, proposal);
    await this.refuse("vote too early", council[0], governor, "castVote", [id, FOR], STATE);
    await this.refuse("queue too early", stranger, governor, "queue", whole, STATE);
    await this.refuse("execute too early", stranger, governor, "execute", whole, STATE);
    await this.refuse(
      "cancel without leave",
      stranger,
      governor,
      "cancel",
      whole,
      "GovernorUnableToCancel",
    );
    const [guardian] = await this.read([[governor, "proposalGuardian"]]);
    if (guardian === deployer.address)
      await this.act("cancel", deployer, governor, "cancel", whole);
  }

  /** Small votes wander; the first keeps its own, to propose. */
  async delegate() {
    if (!this.#ready) await this.begin();
    const [, ...others] = this.world.council;
    const [from, to] = [this.random.pick(others), this.random.pick(this.world.council)];
    await this.act("delegate", from, this.suite.qxc, "delegate", [to.address]);
  }
}
