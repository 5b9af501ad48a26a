// Reads many views of one block in one call (Multicall3), from one node or from all of them beside each other.

import { Violation, quantity } from "../ledger/chain.mjs";

/** Views in one call. */
const CHUNK = 150;

export class Reader {
  /** Answers that were the same on all nodes. */
  compared = 0;
  #nodes;
  #contracts;
  #multicall;

  constructor(nodes, contracts, multicall) {
    this.#nodes = nodes;
    this.#contracts = contracts;
    this.#multicall = multicall;
  }

  /** What `[address, function, arguments]` answer at a block; `everywhere`: on all nodes, and alike. */
  async at(block, calls, everywhere = false) {
    const chunks = [];
    for (let at = 0; at < calls.length; at += CHUNK) chunks.push(calls.slice(at, at + CHUNK));
    const answers = await Promise.all(
      chunks.map((chunk, i) => this.#chunk(block, chunk, everywhere, i)),
    );
    return answers.flat();
  }

  async #chunk(block, calls, everywhere, place) {
    const asked = calls.map(([target, name, args = []]) => ({
      target,
      allowFailure: false,
      callData: this.#contracts.encode(target, name, args),
    }));
    const data = this.#contracts.encode(this.#multicall, "aggregate3", [asked]);
    const request = ["eth_call", { to: this.#multicall, data }, quantity(block)];
    let answer;
    if (everywhere) {
      const all = await Promise.all(this.#nodes.map((node) => node.call(...request)));
      all.forEach((found, i) => {
        if (found !== all[0])
          throw new Violation("nodes", `views at block ${block}, node ${i}`, all[0], found);
      });
      this.compared += calls.length * (all.length - 1);
      [answer] = all;
    } else {
      answer = await this.#nodes[(block + place) % this.#nodes.length].call(...request);
    }
    const results = this.#contracts.result(this.#multicall, "aggregate3", answer);
    return results.map(({ returnData }, i) =>
      this.#contracts.result(calls[i][0], calls[i][1], returnData),
    );
  }
}

/** Takes answers one after the other. */
export function taking(answers) {
  let at = 0;
  return () => answers[at++];
}
