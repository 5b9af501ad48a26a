// A Hardhat project on a running network: QENEX_RPC, QENEX_KEY. Contracts are those that Forge built.
require("@nomicfoundation/hardhat-chai-matchers");
require("@nomicfoundation/hardhat-ethers");

module.exports = {
  solidity: "0.8.28", // Not used: tests run with --no-compile.
  networks: {
    qenex: {
      url: process.env.QENEX_RPC ?? "http://127.0.0.1:8545",
      accounts: [
        process.env.QENEX_KEY ??
          "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
      ],
    },
    // `qenex dev` signs for its accounts itself.
    dev: { url: process.env.QENEX_RPC ?? "http://127.0.0.1:8545" },
  },
  mocha: { timeout: 60_000 },
};
