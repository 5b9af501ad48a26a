// What a Hardhat project's tests do with a network of their own, on `qenex dev`: the node's accounts, fixtures, time.
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { expect } = require("chai");
const { ethers, network } = require("hardhat");

const artifact = (name) => {
  const path = join(__dirname, `../../../../contracts/out/${name}.sol/${name}.json`);
  const { abi, bytecode } = JSON.parse(readFileSync(path, "utf8"));
  return [abi, bytecode.object];
};
const send = (method, ...params) => network.provider.send(method, params);

describe("a QENEX development node", () => {
  let owner, other, token, snapshot;

  before(async () => {
    [owner, other] = await ethers.getSigners();
    token = await new ethers.ContractFactory(...artifact("ExampleToken"), owner).deploy(owner.address);
    await token.waitForDeployment();
  });

  beforeEach(async () => {
    snapshot = await send("evm_snapshot");
  });

  afterEach(async () => {
    expect(await send("evm_revert", snapshot)).to.equal(true);
    expect(await token.balanceOf(other.address)).to.equal(0n);
  });

  it("signs for its accounts, at once", async () => {
    expect((await ethers.getSigners()).length).to.equal(10);
    await expect(token.transfer(other.address, 5n))
      .to.emit(token, "Transfer")
      .withArgs(owner.address, other.address, 5n);
    await expect(token.transfer(other.address, 5n)).to.changeTokenBalance(token, other, 5n);
    await expect(owner.sendTransaction({ to: other.address, value: 3n })).to.changeEtherBalance(
      other,
      3n,
    );
  });

  it("signs typed data: an approval by permit", async () => {
    const verifyingContract = await token.getAddress();
    const { chainId } = await ethers.provider.getNetwork();
    const domain = { name: "Example", version: "1", chainId, verifyingContract };
    const field = (type, name) => ({ name, type });
    const types = {
      Permit: [
        field("address", "owner"),
        field("address", "spender"),
        field("uint256", "value"),
        field("uint256", "nonce"),
        field("uint256", "deadline"),
      ],
    };
    const [value, deadline] = [7n, 2n ** 256n - 1n];
    const nonce = await token.nonces(owner.address);
    const permit = { owner: owner.address, spender: other.address, value, nonce, deadline };
    const { v, r, s } = ethers.Signature.from(await owner.signTypedData(domain, types, permit));
    const by = token.connect(other);
    await (await by.permit(owner.address, other.address, value, deadline, v, r, s)).wait();
    expect(await token.allowance(owner.address, other.address)).to.equal(value);
  });

  it("says why it refuses", async () => {
    await expect(token.connect(other).transfer(owner.address, 1n)).to.be.revertedWithCustomError(
      token,
      "ERC20InsufficientBalance",
    );
  });

  it("moves time and mines", async () => {
    const { number, timestamp } = await ethers.provider.getBlock("latest");
    await send("evm_increaseTime", 3600);
    await send("evm_mine");
    await send("hardhat_mine", "0x10", "0x3c");
    const later = await ethers.provider.getBlock("latest");
    expect(later.number).to.equal(number + 17);
    expect(later.timestamp).to.be.at.least(timestamp + 3600 + 15 * 60);
  });

  it("lets a contract send", async () => {
    const address = await token.getAddress();
    await send("hardhat_setBalance", address, "0xde0b6b3a7640000");
    await send("hardhat_impersonateAccount", address);
    const signer = await ethers.getSigner(address);
    await (await token.transfer(address, 9n)).wait();
    await (await token.connect(signer).transfer(other.address, 9n)).wait();
    expect(await token.balanceOf(other.address)).to.equal(9n);
    await send("hardhat_stopImpersonatingAccount", address);
  });
});
