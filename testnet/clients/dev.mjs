// viem's test client on `qenex dev`: every action of it that the node has.

import {
  createTestClient,
  defineChain,
  http,
  parseEther,
  publicActions,
  verifyTypedData,
  walletActions,
  webSocket,
} from "viem";
import { Inbox, expect, expectEqual, readOptions, refusalOf, run } from "./session.mjs";

const options = readOptions();
const NOBODY = "0x00000000000000000000000000000000000000b0";
/** Returns 42. */
const ANSWER = "0x602a60005260206000f3";

await run("viem on a development node", async (step) => {
  const transport = http(options.rpc);
  const bare = createTestClient({ mode: "anvil", transport }).extend(publicActions);
  const chain = defineChain({
    id: await bare.getChainId(),
    name: "QENEX development",
    nativeCurrency: { name: "QENEX", symbol: "QXC", decimals: 18 },
    rpcUrls: { default: { http: [options.rpc] } },
  });
  const dev = createTestClient({ mode: "anvil", chain, transport, cacheTime: 0 })
    .extend(publicActions)
    .extend(walletActions);
  const height = () => dev.getBlockNumber({ cacheTime: 0 });
  const balance = () => dev.getBalance({ address: NOBODY });

  step("the node's accounts send without a key");
  const [alice, bob] = await dev.getAddresses();
  const start = await dev.snapshot();
  const before = await height();
  const hash = await dev.sendTransaction({ account: alice, to: NOBODY, value: 1n });
  expectEqual("receipt at once", (await dev.getTransactionReceipt({ hash })).status, "success");
  expectEqual("a block", await height(), before + 1n);

  step("typed data");
  const typed = {
    domain: { name: "Orders", version: "1", chainId: chain.id, verifyingContract: NOBODY },
    types: { Order: [{ name: "to", type: "address" }, { name: "amount", type: "uint256" }] },
    primaryType: "Order",
    message: { to: bob, amount: 2n ** 200n },
  };
  const signature = await dev.signTypedData({ account: alice, ...typed });
  expect(await verifyTypedData({ address: alice, ...typed, signature }), "signed by alice");

  step("mining");
  expectEqual("automine", await dev.getAutomine(), true);
  await dev.setAutomine(false);
  await dev.sendTransaction({ account: bob, to: NOBODY, value: 1n });
  expectEqual("waits", await height(), before + 1n);
  await dev.mine({ blocks: 3, interval: 60 });
  expectEqual("three blocks", await height(), before + 4n);
  await dev.setAutomine(true);
  await dev.setIntervalMining({ interval: 0 });
  await dev.setAutomine(true);

  step("time");
  const time = async () => (await dev.getBlock()).timestamp;
  const then = await time();
  await dev.increaseTime({ seconds: 86_400 });
  await dev.mine({ blocks: 1 });
  expect((await time()) >= then + 86_000n, "a day later");
  await dev.setNextBlockTimestamp({ timestamp: then + 200_000n });
  await dev.mine({ blocks: 1 });
  expectEqual("to the second", await time(), then + 200_000n);

  step("state");
  await dev.setBalance({ address: NOBODY, value: parseEther("2") });
  expectEqual("balance", await balance(), parseEther("2"));
  await dev.setNonce({ address: NOBODY, nonce: 5 });
  expectEqual("nonce", await dev.getTransactionCount({ address: NOBODY }), 5);
  await dev.setCode({ address: NOBODY, bytecode: ANSWER });
  expectEqual("code", await dev.getCode({ address: NOBODY }), ANSWER);
  expectEqual("call", BigInt((await dev.call({ to: NOBODY })).data), 42n);
  const word = `0x${"0".repeat(63)}7`;
  await dev.setStorageAt({ address: NOBODY, index: 1, value: word });
  expectEqual("slot", await dev.getStorageAt({ address: NOBODY, slot: "0x1" }), word);

  step("impersonation");
  const pay = () => dev.sendTransaction({ account: NOBODY, to: alice, value: 1n });
  const refusal = await refusalOf("an account of nobody", pay());
  expect(refusal.message.includes("not impersonated"), refusal.message);
  await dev.impersonateAccount({ address: NOBODY });
  const sent = await dev.getTransactionReceipt({ hash: await pay() });
  expectEqual("from", sent.from, NOBODY);
  await dev.stopImpersonatingAccount({ address: NOBODY });

  step("ways back, and subscriptions that go on");
  const live = await webSocket(options.ws)({ chain }).value.getRpcClient();
  const heads = new Inbox();
  const socket = live.socket;
  socket.addEventListener("message", ({ data }) => {
    const { params } = JSON.parse(data);
    if (params?.result?.hash) heads.push(params.result.hash);
  });
  await live.requestAsync({ body: { method: "eth_subscribe", params: ["newHeads"] } });
  await dev.revert({ id: start });
  expectEqual("height", await height(), before);
  expectEqual("balance", await balance(), 0n);
  await dev.sendTransaction({ account: alice, to: NOBODY, value: 9n });
  const head = await dev.getBlock({ blockNumber: before + 1n });
  await heads.find("the new block at an old height", (hash) => hash === head.hash);
  live.close();
  await dev.reset();
  expectEqual("the start", await height(), 0n);
});
