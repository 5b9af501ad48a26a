// Pictures of the whole suite at a block, read from the chain, and what must hold in each and from one to the next. The
// properties have the names that they have in the Solidity tests (contracts/test/*/*Properties.sol, *Invariants.t.sol).

import { farms } from "./inspect/farms.mjs";
import { governance } from "./inspect/governance.mjs";
import { lending } from "./inspect/lending.mjs";
import { pools } from "./inspect/pools.mjs";
import { votes } from "./inspect/votes.mjs";

/** Every so many pictures are read from all nodes, and compared. */
const EVERYWHERE = 4;

export class Inspector {
  pictures = 0;
  #suite;
  #books;
  #reader;
  #busy;
  #last;
  #failed = () => {};
  #parts;
  #nextLook = 0;

  /** `every`: blocks from one picture to the next, at least. */
  constructor(suite, books, reader, every) {
    this.#suite = suite;
    this.#books = books;
    this.#reader = reader;
    this.every = every;
    this.#parts = [lending, pools, farms, votes, governance].map((make) => make(suite, books));
  }

  onFailure(failed) {
    this.#failed = failed;
  }

  /** Called with each block: what must hold at once, and now and then a picture, in the background. */
  async block(block) {
    await Promise.all(this.#parts.map((part) => part.block?.(block, this.#reader)));
    if (this.#busy || block.number < this.#nextLook) return;
    this.#nextLook = block.number + this.every;
    this.#busy = this.look(block)
      .catch((error) => this.#failed(error))
      .finally(() => (this.#busy = undefined));
  }

  async idle() {
    await this.#busy;
  }

  /** A picture of a block whose events are the last in the books. */
  async look({ number, time }, everywhere = this.pictures % EVERYWHERE === 0) {
    const said = this.#books.snapshot();
    const asked = this.#parts.map((part) => part.ask(said, { number, time }));
    const answers = await this.#reader.at(number, asked.flat(), everywhere);
    const picture = { number, time, said };
    let at = 0;
    this.#parts.forEach((part, i) => {
      const mine = answers.slice(at, (at += asked[i].length));
      part.take(picture, mine, this.#last);
    });
    this.#last = picture;
    this.pictures += 1;
    return picture;
  }
}
