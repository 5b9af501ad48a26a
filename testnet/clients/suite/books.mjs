// What the events of the suite say: who takes part, the pairs' reserves and shares, votes, prices, bad debt. Every trade,
// deposit, withdrawal and loan is checked here as the pools' and the lending pool's properties state it.

import { Violation } from "../ledger/chain.mjs";
import { curve } from "./curve.mjs";

export const ZERO = `0x${"0".repeat(40)}`;
const BPS = 10_000n;
/** Of both fees of flash loans, basis points, rounded up. */
const feeOf = (amount, bps) => (amount * bps + BPS - 1n) / BPS;

export class Books {
  /** How often each property was checked. */
  checks = {};
  /** How often each event came, by kind and name. */
  counts = {};
  /** Who has, or had, anything in the lending pool. */
  holders = new Set();
  /** Stakers of each farm. */
  stakers = new Map();
  /** Owners and delegates of staked QXC. */
  voters = new Set();
  /** Pairs by address: tokens, scales, reserves, shares and who has them. */
  pairs = new Map();
  /** Debts written off, by token. */
  writeOffs = new Map();
  /** Events of the lending pool. */
  lending = 0;
  /** Proposals by governor and number. */
  proposals = new Map();
  /** Blocks with a change of prices, and accounts with the blocks in which others changed them. */
  #moves = [];
  #touches = new Map();
  #unsettled = 0;

  constructor(lendingPool, flashFee) {
    this.lendingPool = lendingPool;
    this.flashFee = flashFee;
  }

  check(name, holds, what, expected, found) {
    this.checks[name] = (this.checks[name] ?? 0) + 1;
    if (!holds) throw new Violation(name, what, expected, found);
  }

  equal(name, what, found, expected) {
    this.check(name, found === expected, what, expected, found);
  }

  /** A pair to keep books of, with scales to 18 decimals. */
  addPair(address, { token0, token1, stable, scale0, scale1, fee }) {
    const none = { r0: 0n, r1: 0n, supply: 0n };
    const pair = { address, token0, token1, stable, scale0, scale1, fee };
    this.pairs.set(address, { ...pair, ...none, shares: new Map(), done: none });
  }

  /** While prices are moved by a test of their own, nothing is known of them. */
  unsettle(number) {
    this.#unsettled += 1;
    this.#moves.push(number);
  }

  settle(number) {
    this.#unsettled -= 1;
    this.#moves.push(number);
  }

  /** Whether prices may have changed in blocks after `since`, up to `number`. */
  moved(since, number) {
    if (this.#unsettled > 0) return true;
    const last = this.#moves.findLastIndex((n) => n <= number);
    return last >= 0 && this.#moves[last] > since;
  }

  /** Whether others changed an account of the lending pool, or a write-off what it has. */
  touched(account, since, number) {
    const blocks = [...(this.#touches.get(account) ?? []), ...(this.#touches.get("all") ?? [])];
    return blocks.some((n) => n > since && n <= number);
  }

  /** Whether anybody changed an account of the lending pool, its owner too. */
  acted(account, since, number) {
    return this.touched(account, since, number) || this.touched(`own ${account}`, since, number);
  }

  #touch(account, number) {
    if (!this.#touches.has(account)) this.#touches.set(account, []);
    this.#touches.get(account).push(number);
  }

  /** What a picture of a block is compared with. */
  snapshot() {
    const pairs = [...this.pairs.values()].map((pair) => ({
      ...pair,
      shares: [...pair.shares.keys()],
    }));
    return {
      holders: [...this.holders],
      stakers: new Map([...this.stakers].map(([farm, set]) => [farm, [...set]])),
      voters: [...this.voters],
      pairs: pairs.filter(({ supply }) => supply > 0n),
      writeOffs: new Map(this.writeOffs),
      lending: this.lending,
      moves: this.#moves.length,
      unsettled: this.#unsettled,
      proposals: [...this.proposals.values()].map((proposal) => ({ ...proposal })),
    };
  }

  /** The events of a transaction. */
  take({ number, place, events }) {
    const moving = new Set();
    for (const event of events) {
      const { address, kind, name, args } = event;
      const key = `${kind} ${name}`;
      this.counts[key] = (this.counts[key] ?? 0) + 1;
      if (kind === "LendingPool") this.#lend(number, place, name, args, events);
      else if (kind === "VolatilePair" || kind === "StablePair")
        this.#pair(place, address, name, args, moving);
      else if (kind === "Farm") this.#farm(address, name, args);
      else if (kind === "QXC") this.#stake(name, args);
      else if (kind === "QenexGovernor") this.#govern(number, address, name, args);
      else if (kind === "IOracle") this.#moves.push(number);
    }
  }

  // The lending pool

  #lend(number, place, name, args, events) {
    this.lending += 1;
    for (const who of ["account", "borrower", "liquidator", "receiver"])
      if (args[who]) this.holders.add(args[who]);
    for (const who of [args.account, args.borrower]) if (who) this.#touch(`own ${who}`, number);
    if (name === "Liquidated" || (name === "Repaid" && args.payer !== args.borrower))
      this.#touch(args.borrower, number);
    if (name === "DebtWrittenOff") {
      this.writeOffs.set(args.token, (this.writeOffs.get(args.token) ?? 0) + 1);
      this.#touch("all", number);
    }
    if (name === "FlashLoan") {
      // S14: the pool has what it had, and the fee.
      this.equal("S14", `${place}: fee`, args.fee, feeOf(args.amount, this.flashFee));
      const came = this.#came(args.token, events);
      if (!events.some((event) => event.name === "Supplied"))
        this.equal("S14", `${place}: balance`, came, args.fee);
      // What the receiver did with it cost it a unit, by rounding.
      else this.check("S14", came >= args.fee, `${place}: balance`, `${args.fee} at least`, came);
    }
  }

  /** What a transaction brought the lending pool, of a token. */
  #came(token, events) {
    const pool = this.lendingPool;
    return events
      .filter(({ address, name }) => address === token && name === "Transfer")
      .reduce((sum, { args }) => {
        const { from, to, value = args.amount } = args;
        return sum + (to === pool ? value : 0n) - (from === pool ? value : 0n);
      }, 0n);
  }

  // Pairs

  #pair(place, address, name, args, moving) {
    const pair = this.pairs.get(address);
    const what = `${place}, pair ${address}: ${name}`;
    if (name === "Transfer") {
      const { from, to, value } = args;
      if (from === ZERO) pair.supply += value;
      else pair.shares.set(from, (pair.shares.get(from) ?? 0n) - value);
      if (to === ZERO) pair.supply -= value;
      else pair.shares.set(to, (pair.shares.get(to) ?? 0n) + value);
    } else if (name === "Sync") {
      [pair.r0, pair.r1] = [args.reserve0, args.reserve1];
      moving.add(address);
    } else if (["Swap", "Mint", "Burn", "FlashLoan"].includes(name)) {
      this.equal("S10", `${what} has its reserves`, moving.delete(address), true);
      const { done: a } = pair;
      const b = { r0: pair.r0, r1: pair.r1, supply: pair.supply };
      if (a.supply > 0n) this.#step(what, pair, name, args, a, b);
      pair.done = b;
    }
  }

  #step(what, pair, name, args, a, b) {
    if (name === "Swap") {
      this.equal("S10", `${what}: shares`, b.supply, a.supply);
      const [before, after] = [curve(pair, a.r0, a.r1), curve(pair, b.r0, b.r1)];
      this.check("S10", after >= before, `${what}: k`, `at least ${before}`, after);
    } else if (name === "FlashLoan") {
      this.equal("S14", `${what}: fee`, args.fee, feeOf(args.amount, pair.fee));
      const first = args.token === pair.token0;
      this.equal("S14", `${what}: reserve 0`, b.r0 - a.r0, first ? args.fee : 0n);
      this.equal("S14", `${what}: reserve 1`, b.r1 - a.r1, first ? 0n : args.fee);
      this.equal("S14", `${what}: shares`, b.supply, a.supply);
    } else {
      // Shares that the protocol took as its part of past growth are not the action's.
      const made = name === "Mint" ? args.shares : -args.shares;
      const supply = a.supply + (b.supply - a.supply - made);
      for (const side of ["r0", "r1"]) {
        const [before, after] = [a[side] * b.supply, b[side] * supply];
        this.check("S10", after >= before, `${what}: ${side} for a share`, before, after);
      }
    }
  }

  // The others

  #farm(address, name, { account }) {
    if (!this.stakers.has(address)) this.stakers.set(address, new Set());
    if (account && (name === "Staked" || name === "Claimed"))
      this.stakers.get(address).add(account);
  }

  #stake(name, args) {
    if (name === "Staked") this.voters.add(args.owner);
    if (name === "DelegateChanged")
      for (const who of [args.delegator, args.toDelegate]) this.voters.add(who);
  }

  #govern(number, governor, name, args) {
    const id = args.proposalId;
    const key = `${governor} ${id}`;
    if (name === "ProposalCreated")
      this.proposals.set(key, { governor, id, cast: 0n, eta: undefined, executed: undefined });
    const proposal = this.proposals.get(key);
    if (!proposal) return;
    if (name === "VoteCast") proposal.cast += args.weight;
    if (name === "ProposalQueued")
      Object.assign(proposal, { eta: args.etaSeconds, queued: number });
    if (name === "ProposalExecuted") proposal.executed = number;
    if (name === "ProposalCanceled") proposal.canceled = number;
  }
}
