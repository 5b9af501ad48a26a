// Stakes shares of pairs for rewards.

export const Farmer = (Base) =>
  class extends Base {
    steps() {
      return [...super.steps(), ...["farm", "farm", "leaveFarm", "claim", "claimAll", "exitFarm"]];
    }

    /** Who has shares of a pair by now can stake them, and leave. */
    stepsAfter() {
      return [...super.stepsAfter(), "farm", "leaveFarm", "exitFarm"];
    }

    /** One of the farms, if there is one of which a view says more than nothing. */
    async #oneOf(view) {
      const farms = this.suite.farms;
      const found = await this.read(farms.map(view));
      const some = farms.map((farm, i) => ({ ...farm, has: found[i] }));
      const good = some.filter(({ has }) => has > 0n);
      return this.random.pick(good.length > 0 ? good : some);
    }

    async farm() {
      const { address, has } = await this.#oneOf(({ share }) => [share, "balanceOf", [this.me]]);
      const amount = (has * this.random.amount(1, 100)) / 100n;
      if (amount === 0n) {
        await this.no("farm nothing", address, "stake", [0n, this.me], "ZeroAmount");
        await this.deposit(this.random.pick(this.world.markets().filter(({ farm }) => farm)));
      } else await this.do("farm", address, "stake", [amount, this.me]);
    }

    async leaveFarm() {
      const { address, has } = await this.#oneOf(({ address: farm }) => [
        farm,
        "stakeOf",
        [this.me],
      ]);
      const amount = (has * this.random.amount(1, 100)) / 100n;
      if (amount === 0n) {
        const args = [has + 1n, this.me];
        await this.no("take others' stakes", address, "withdraw", args, "InsufficientStake");
      } else await this.do("leave a farm", address, "withdraw", [amount, this.me]);
    }

    async claim() {
      const { address, reward } = this.random.pick(this.suite.farms);
      await this.do("claim", address, "claim", [reward, this.me]);
    }

    async claimAll() {
      const { address } = this.random.pick(this.suite.farms);
      await this.do("claim all", address, "claimAll", [this.me]);
    }

    async exitFarm() {
      const { address, has } = await this.#oneOf(({ address: farm }) => [
        farm,
        "stakeOf",
        [this.me],
      ]);
      if (has > 0n) await this.do("exit a farm", address, "exit", [this.me]);
    }
  };
