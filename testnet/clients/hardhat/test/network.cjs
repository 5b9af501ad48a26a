// What a Hardhat project's tests do, on a real network instead of Hardhat's own.
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { expect } = require("chai");
const { ethers, network } = require("hardhat");

const artifact = (name) => {
  const path = join(__dirname, `../../../../contracts/out/${name}.sol/${name}.json`);
  const { abi, bytecode } = JSON.parse(readFileSync(path, "utf8"));
  return [abi, bytecode.object];
};

describe("a QENEX network", () => {
  let owner, worker, token, reverter, probe;

  before(async () => {
    [owner] = await ethers.getSigners();
    worker = ethers.Wallet.createRandom().connect(ethers.provider);
    await (await owner.sendTransaction({ to: worker.address, value: 10n ** 18n })).wait();
    const deploy = async (name, ...args) => {
      const contract = await new ethers.ContractFactory(...artifact(name), worker).deploy(...args);
      return contract.waitForDeployment();
    };
    token = await deploy("ExampleToken", worker.address);
    reverter = await deploy("Reverter");
    probe = await deploy("Probe");
  });

  it("moves coins and tokens", async () => {
    const to = ethers.Wallet.createRandom().address;
    const sent = await worker.sendTransaction({ to, value: 77n });
    await sent.wait();
    expect(await ethers.provider.getBalance(to)).to.equal(77n);
    const paid = await token.transfer(to, 5n);
    await paid.wait(); // The matcher looks for the receipt once, as Hardhat's own network has it.
    await expect(paid).to.emit(token, "Transfer").withArgs(worker.address, to, 5n);
    expect(await token.balanceOf(to)).to.equal(5n);
    const events = await token.queryFilter(token.filters.Transfer(null, to));
    expect(events.map((event) => event.args.value)).to.deep.equal([5n]);
  });

  it("says why it refuses", async () => {
    await expect(reverter.refuse.staticCall()).to.be.revertedWith("refused: always");
    await expect(reverter.check.staticCall(101n))
      .to.be.revertedWithCustomError(reverter, "AboveLimit")
      .withArgs(101n, 100n);
    await expect(reverter.divide.staticCall(0n)).to.be.revertedWithPanic(0x12);
    await expect(reverter.refuseSilently.staticCall()).to.be.revertedWithoutReason();
  });

  it("traces, takes batches and replaces what waits", async () => {
    const relayed = await (await probe.relay(await reverter.getAddress(), 101n)).wait();
    const trace = await network.provider.send("debug_traceTransaction", [
      relayed.hash,
      { tracer: "callTracer" },
    ]);
    expect(trace.calls[0].error).to.equal("execution reverted");

    const body = ["eth_chainId", "eth_blockNumber"].map((method, id) => ({
      jsonrpc: "2.0",
      id,
      method,
      params: [],
    }));
    const answer = await fetch(network.config.url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    expect((await answer.json()).map(({ result }) => Number(result) > 0)).to.deep.equal([
      true,
      true,
    ]);

    const nonce = await worker.getNonce();
    const late = { to: owner.address, gasLimit: 21_000n, nonce: nonce + 1 };
    const cheap = { maxFeePerGas: 10n ** 12n, maxPriorityFeePerGas: 10n ** 9n };
    const dear = { maxFeePerGas: 2n * 10n ** 12n, maxPriorityFeePerGas: 2n * 10n ** 9n };
    const replaced = await worker.sendTransaction({ ...late, ...cheap });
    await expect(worker.sendTransaction({ ...late, ...cheap, value: 1n })).to.be.rejectedWith(
      /underpriced/,
    );
    const replacement = await worker.sendTransaction({ ...late, ...dear });
    await (await worker.sendTransaction({ to: owner.address, nonce, gasLimit: 21_000n })).wait();
    expect((await replacement.wait()).status).to.equal(1);
    expect(await ethers.provider.getTransaction(replaced.hash)).to.equal(null);
  });

  it("lets an account act as a contract (EIP-7702)", async () => {
    const nonce = await worker.getNonce();
    const others = [1, 2].map(() => ethers.Wallet.createRandom().address);
    const sent = await worker.sendTransaction({
      type: 4,
      to: worker.address,
      data: probe.interface.encodeFunctionData("payBoth", [...others, 11n]),
      authorizationList: [
        await worker.authorize({ address: await probe.getAddress(), nonce: nonce + 1 }),
      ],
      gasLimit: 300_000n,
    });
    expect((await sent.wait()).status).to.equal(1);
    expect(await ethers.provider.getBalance(others[1])).to.equal(11n);
  });
});
