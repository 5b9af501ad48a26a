// Somebody with a wallet, and what he has.

import { Lane } from "../lane.mjs";

/** Least that somebody should have of a token, cents; below it the deployer helps. */
const POOR = 50_000n;

export class Someone extends Lane {
  constructor(name, world, random, tally, wallet) {
    super(name, world, random, tally);
    this.wallet = wallet;
    this.me = wallet.address;
  }

  /** A call of mine. */
  do(action, to, name, args, options) {
    return this.act(action, this.wallet, to, name, args, options);
  }

  no(action, to, name, args, errors) {
    return this.refuse(action, this.wallet, to, name, args, errors);
  }

  /** What I have of a token; a little more if it is hardly anything. */
  async have(token) {
    const [balance] = await this.read([[token.address, "balanceOf", [this.me]]]);
    if ((balance * token.cents) / token.unit > POOR) return balance;
    if (token === this.world.qxc)
      await this.world.call(this.world.deployer, token.address, "transfer", [
        this.me,
        1_000n * token.unit,
      ]);
    else await this.world.fill(this.wallet, token, 2_000n);
    return balance;
  }
}
