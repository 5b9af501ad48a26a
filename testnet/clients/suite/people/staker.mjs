// Stakes QXC, gives its votes away, pays.

const DAY = 86_400;
/** Stakes of QXC that an account may have running. */
const STAKES = 64n;
const min = (a, b) => (a < b ? a : b);

export const Staker = (Base) =>
  class extends Base {
    steps() {
      return [...super.steps(), ...["stake", "unstake", "delegate", "fund", "pay"]];
    }

    async stake() {
      const { qxc } = this.suite;
      const balance = await this.have(this.world.qxc);
      const [count] = await this.read([[qxc, "stakeCount", [this.me]]]);
      const amount = min(this.worth(this.world.qxc, 1, 20_000), balance / 20n);
      const lock = BigInt(this.random.number(DAY, 730 * DAY));
      if (count >= STAKES)
        await this.no("stake too often", qxc, "stake", [amount, lock], "TooManyStakes");
      else await this.do("stake", qxc, "stake", [amount, lock]);
    }

    /** The shortest lock is a day: within this run nothing can be unstaked. */
    async unstake() {
      const { qxc } = this.suite;
      const [count] = await this.read([[qxc, "stakeCount", [this.me]]]);
      if (count === 0n) {
        await this.no("unstake nothing", qxc, "unstake", [0n], "UnknownStake");
        return;
      }
      const index = this.random.amount(0, Number(count) - 1);
      const [stake] = await this.read([[qxc, "stakeOf", [this.me, index]]]);
      if (stake.unstaked)
        await this.no("unstake twice", qxc, "unstake", [index], "AlreadyUnstaked");
      else if (this.world.follower.time + 60n < stake.unlockTime)
        await this.no("unstake too early", qxc, "unstake", [index], "StakeLocked");
      else if (this.world.follower.time >= stake.unlockTime)
        await this.do("unstake", qxc, "unstake", [index]);
    }

    async delegate() {
      const to = this.random.pick([...this.world.people, this.wallet]).address;
      await this.do("delegate", this.suite.qxc, "delegate", [to]);
    }

    async fund() {
      const value = this.random.amount(1, 1_000_000) * 10n ** 9n + this.random.amount(0, 999);
      await this.do("fund the rewards", this.suite.qxc, "fund", [], { value });
    }

    async pay() {
      const token = this.random.pick(this.world.tokens);
      await this.have(token);
      const people = this.world.people.filter(({ address }) => address !== this.me);
      const args = [this.random.pick(people).address, this.worth(token, 1, 5_000)];
      await this.do("pay", token.address, "transfer", args, { pays: token });
    }
  };
