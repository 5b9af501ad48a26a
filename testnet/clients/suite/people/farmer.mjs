// Stakes shares of pairs for rewards.

export const Farmer = (Base) =>
  class extends Base {
    steps() {
      return [...super.steps(), ...["farm", "farm", "leaveFarm", "claim", "claimAll", "exitFarm"]];
    }

    async farm() {
      const { pair, farm } = this.random.pick(this.world.markets().filter(({ farm: f }) => f));
      const [shares] = await this.read([[pair, "balanceOf", [this.me]]]);
      const amount = (shares * this.random.amount(1, 100)) / 100n;
      if (amount === 0n) await this.no("farm nothing", farm, "stake", [0n, this.me], "ZeroAmount");
      else await this.do("farm", farm, "stake", [amount, this.me]);
    }

    async leaveFarm() {
      const { address } = this.random.pick(this.suite.farms);
      const [staked] = await this.read([[address, "stakeOf", [this.me]]]);
      const amount = (staked * this.random.amount(1, 100)) / 100n;
      if (amount === 0n) {
        const args = [staked + 1n, this.me];
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
      const { address } = this.random.pick(this.suite.farms);
      const [staked] = await this.read([[address, "stakeOf", [this.me]]]);
      if (staked > 0n) await this.do("exit a farm", address, "exit", [this.me]);
    }
  };
