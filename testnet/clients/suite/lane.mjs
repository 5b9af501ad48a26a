// A lane of actions: one after the other, drawn from a sequence of its own, beside other lanes. Each action says what must
// come of it; where others may come between, what they must have done for a refusal to be right.

import { show } from "../ledger/chain.mjs";

/** The dearest action is to name another delegate with all 64 stakes (contracts/docs/qxc.md). */
const GAS = 3_000_000n;
/** What the risk rules may say to a customer's payment in ledger money. */
const JUDGED = ["ReviewRequired", "RiskRejected"];

/** How often each action went through, was refused as it must be, or lost a race. */
export class Tally {
  actions = new Map();
  errors = new Map();

  count(action, what, error) {
    if (!this.actions.has(action)) this.actions.set(action, { ok: 0, refused: 0, raced: 0 });
    this.actions.get(action)[what] += 1;
    if (error) this.errors.set(error, (this.errors.get(error) ?? 0) + 1);
  }

  sum(what) {
    return [...this.actions.values()].reduce((sum, counts) => sum + counts[what], 0);
  }
}

export class Lane {
  constructor(name, world, random, tally) {
    Object.assign(this, { name, world, random, tally, suite: world.suite, books: world.books });
  }

  /**
   * Every step once, in a random order, then those that need others before, then any, until it is time to stop. Steps
   * are methods by name.
   */
  async run(time) {
    const steps = this.steps();
    const once = [...this.random.shuffled([...new Set(steps)]), ...this.stepsAfter()];
    while (once.length > 0 || time()) {
      const step = once.shift() ?? this.random.pick(steps);
      try {
        await this[step]();
      } catch (error) {
        if (!error.placed) error.message = `${this.name}, ${step}: ${error.message}`;
        error.placed = true;
        throw error;
      }
    }
  }

  steps() {
    return [];
  }

  stepsAfter() {
    return [];
  }

  /** The last block that all nodes have. */
  get block() {
    return this.world.follower.number;
  }

  read(calls, block = this.block) {
    return this.world.reader.at(block, calls);
  }

  async #send(wallet, to, name, args, value, wanted) {
    const data = this.world.contracts.encode(to, name, args);
    const request = { to, data, gas: GAS, ...(value && { value }) };
    const what = `${name} by ${wallet.address}: ${show(args)}`;
    return this.world.sender.send(wallet, request, wanted, what);
  }

  /**
   * An action that must go through. `races`: errors, each with whether what happened since makes it right; `pays`: the
   * token in which the caller pays. Answers what came of it, or undefined if it lost a race.
   */
  async act(action, wallet, to, name, args, { races = {}, pays, value } = {}) {
    const excuses = { ...races };
    if (wallet.judged && pays?.ledger) for (const error of JUDGED) excuses[error] = () => true;
    const wanted = { or: Object.keys(excuses) };
    const found = await this.#send(wallet, to, name, args, value, wanted);
    if (found.status === "0x1") {
      this.tally.count(action, "ok");
      return found;
    }
    const error = found.error.name;
    if (!excuses[error](found)) {
      const where = `block ${found.number}: ${name} by ${wallet.address}: ${show(args)}`;
      throw new Error(`${where}: ${error} ${show(found.error.args)}, and nobody came between`);
    }
    this.tally.count(action, "raced", error);
    return undefined;
  }

  /**
   * An action that cannot be: it is refused with one of these errors. `races`: other errors, each with whether what
   * happened since makes it right; `late`: whether it came when it could be, and so went through.
   */
  async refuse(action, wallet, to, name, args, errors, { races = {}, late = () => false } = {}) {
    const refused = [errors].flat();
    const wanted = { or: [...refused, ...Object.keys(races)] };
    const found = await this.#send(wallet, to, name, args, undefined, wanted);
    const came = found.error?.name ?? "success";
    const fine = came === "success" ? late(found) : refused.includes(came) || races[came](found);
    if (!fine) {
      const where = `block ${found.number}: ${name} by ${wallet.address}: ${show(args)}`;
      throw new Error(`${where}: expected ${refused.join(" or ")}, found ${came}`);
    }
    if (came === "success") this.tally.count(action, "raced");
    else this.tally.count(action, "refused", came);
    return found;
  }

  /** Worth so many cents to so many, in a token. */
  worth(token, least, most) {
    return (this.random.amount(least, most) * token.unit) / token.cents + 1n;
  }

  token() {
    return this.random.pick(this.suite.tokens);
  }
}
