// What an application does with a node, done with viem: connect, deploy, subscribe, send, read.
// Stops with a message and exit code 1 at the first answer that is not as it must be.

import {
  BaseError,
  ContractFunctionRevertedError,
  createPublicClient,
  createWalletClient,
  defineChain,
  getContractAddress,
  http,
  webSocket,
} from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import {
  ALLOWANCE,
  COINS,
  Inbox,
  TOKENS,
  artifact,
  expect,
  expectEqual,
  readOptions,
  refusalOf,
  run,
} from "./session.mjs";

const options = readOptions();

await run("viem", async (step) => {
  step(`connect to ${options.rpc} and ${options.ws}`);
  const transport = http(options.rpc);
  const id = await createPublicClient({ transport }).getChainId();
  const chain = defineChain({
    id,
    name: "QENEX",
    nativeCurrency: { name: "QENEX", symbol: "QXC", decimals: 18 },
    rpcUrls: { default: { http: [options.rpc], webSocket: [options.ws] } },
  });
  const node = createPublicClient({ chain, transport, pollingInterval: 50, cacheTime: 0 });
  const live = createPublicClient({ chain, transport: webSocket(options.ws) });
  expectEqual("chain id over WebSocket", await live.getChainId(), id);
  expectEqual("net_version", await node.request({ method: "net_version" }), String(id));

  const heads = new Inbox();
  const stopHeads = live.watchBlocks({
    onBlock: (block) => heads.push(block),
    onError: (error) => heads.fail(error),
  });

  step("fund a new account");
  const funder = privateKeyToAccount(options.key);
  const worker = privateKeyToAccount(generatePrivateKey());
  const recipient = privateKeyToAccount(generatePrivateKey()).address;
  const bank = createWalletClient({ account: funder, chain, transport });
  const wallet = createWalletClient({ account: worker, chain, transport });
  const mined = async (what, hash, status = "success") => {
    const receipt = await node.waitForTransactionReceipt({ hash, timeout: 30_000 });
    expectEqual(`status of ${what}`, receipt.status, status);
    return receipt;
  };
  await mined(
    "funding",
    await bank.sendTransaction({ to: worker.address, value: ALLOWANCE }),
  );
  expectEqual("the worker's balance", await node.getBalance(worker), ALLOWANCE);
  let spent = 0n;
  const pay = (receipt, value = 0n) => {
    spent += value + receipt.gasUsed * receipt.effectiveGasPrice;
    return receipt;
  };

  step("deploy ExampleToken and Reverter");
  const deploy = async (name, nonce, args) => {
    const { abi, bytecode } = artifact(name);
    const hash = await wallet.deployContract({ abi, bytecode, args });
    const { contractAddress } = pay(await mined(`deployment of ${name}`, hash));
    const computed = getContractAddress({ from: worker.address, nonce });
    expectEqual(`address of ${name}`, contractAddress.toLowerCase(), computed.toLowerCase());
    const code = await node.getCode({ address: contractAddress });
    expect(`${name} has no code`, code !== undefined && code.length > 2);
    return { abi, address: contractAddress };
  };
  const token = await deploy("ExampleToken", 0n, [worker.address]);
  const reverter = await deploy("Reverter", 1n, []);

  step("subscribe to the token's events");
  const events = new Inbox();
  const stopEvents = live.watchContractEvent({
    ...token,
    eventName: "Transfer",
    onLogs: (logs) => logs.forEach((log) => events.push(log)),
    onError: (error) => events.fail(error),
  });
  // The library subscribes without telling when it is done; this answer comes after it.
  await live.getBlockNumber();

  step("send coins");
  const sent = await mined(
    "transfer",
    await wallet.sendTransaction({ to: recipient, value: COINS }),
  );
  pay(sent, COINS);
  expectEqual("gas of a transfer", sent.gasUsed, 21_000n);
  expectEqual("the recipient's coins", await node.getBalance({ address: recipient }), COINS);
  expectEqual("the worker's coins", await node.getBalance(worker), ALLOWANCE - spent);

  step("send tokens");
  const paid = pay(
    await mined(
      "token transfer",
      await wallet.writeContract({
        ...token,
        functionName: "transfer",
        args: [recipient, TOKENS],
      }),
    ),
  );
  const balanceOf = (account) =>
    node.readContract({ ...token, functionName: "balanceOf", args: [account] });
  const supply = await node.readContract({ ...token, functionName: "totalSupply" });
  expectEqual("the recipient's tokens", await balanceOf(recipient), TOKENS);
  expectEqual("the worker's tokens", await balanceOf(worker.address), supply - TOKENS);

  step("read the event: subscription, range, block hash");
  const args = { from: worker.address, to: recipient, value: TOKENS };
  const identity = (log) => ({
    block: log.blockHash,
    transaction: log.transactionHash,
    index: log.logIndex,
    args: log.args,
  });
  const announced = await events.find(
    "the Transfer event",
    (log) => log.transactionHash === paid.transactionHash,
  );
  expectEqual("the announced event's arguments", announced.args, args);
  expectEqual("logs of the receipt", paid.logs.length, 1);
  expectEqual("index of the event", announced.logIndex, paid.logs[0].logIndex);
  expectEqual("block of the event", announced.blockHash, paid.blockHash);
  const past = { ...token, eventName: "Transfer", args: { to: recipient } };
  for (const range of [
    { fromBlock: paid.blockNumber, toBlock: "latest" },
    { blockHash: paid.blockHash },
  ]) {
    const found = await node.getContractEvents({ ...past, ...range });
    expectEqual("events found", found.map(identity), [identity(announced)]);
  }

  step("see the blocks in the heads subscription");
  for (const { blockNumber, blockHash } of [sent, paid]) {
    const head = await heads.find(`block ${blockNumber}`, (b) => b.number === blockNumber);
    expectEqual(`hash of block ${blockNumber}`, head.hash, blockHash);
  }

  step("read why calls are refused");
  const refusals = [
    { call: { functionName: "refuse" }, reason: "refused: always" },
    { call: { functionName: "check", args: [101n] }, error: ["AboveLimit", [101n, 100n]] },
    { call: { functionName: "divide", args: [0n] }, error: ["Panic", [0x12n]] },
  ];
  for (const { call, reason, error } of refusals) {
    const request = { ...reverter, ...call, account: worker };
    for (const [method, ask] of [
      ["eth_call", () => node.simulateContract(request)],
      ["eth_estimateGas", () => node.estimateContractGas(request)],
    ]) {
      const what = `${method} of ${call.functionName}`;
      const refusal = await refusalOf(what, ask());
      const revert =
        refusal instanceof BaseError &&
        refusal.walk((cause) => cause instanceof ContractFunctionRevertedError);
      if (!revert) throw new Error(`${what}: not understood as a revert: ${refusal}`);
      if (reason) expectEqual(`reason of ${what}`, revert.reason, reason);
      if (error) expectEqual(`error of ${what}`, [revert.data?.errorName, revert.data?.args], error);
    }
  }

  step("see a refused transaction in its receipt");
  const refused = pay(
    await mined(
      "refused transaction",
      // With a gas limit of its own it is not estimated, so it reaches a block.
      await wallet.writeContract({
        ...reverter,
        functionName: "check",
        args: [101n],
        gas: 100_000n,
      }),
      "reverted",
    ),
  );
  expectEqual("logs of a refused transaction", refused.logs, []);
  const passed = pay(
    await mined(
      "passing transaction",
      await wallet.writeContract({ ...reverter, functionName: "check", args: [100n] }),
    ),
  );
  expectEqual("logs of a passing transaction", passed.logs.length, 1);

  step("send and wait in one call");
  const request = await wallet.prepareTransactionRequest({ to: recipient, value: 1n });
  const serializedTransaction = await wallet.signTransaction(request);
  const final = await wallet.sendRawTransactionSync({ serializedTransaction });
  expectEqual("status of the last transfer", final.status, "success");
  pay(final, 1n);

  step("replace a waiting transaction");
  const probe = await deploy("Probe", 7n, []);
  const gas = { gas: 21_000n, maxFeePerGas: 10n ** 12n };
  const waiting = { ...gas, to: recipient, nonce: 9, maxPriorityFeePerGas: 10n ** 9n };
  // Nonce 8 is missing, so nonce 9 waits.
  const replaced = await wallet.sendTransaction({ ...waiting, value: 5n });
  const cheap = await refusalOf(
    "a replacement that pays no more",
    wallet.sendTransaction({ ...waiting, value: 6n }),
  );
  expect(`${cheap} names no price`, /replacement transaction underpriced/.test(cheap.message));
  const replacement = await wallet.sendTransaction({
    ...waiting,
    value: 7n,
    maxFeePerGas: 2n * 10n ** 12n,
    maxPriorityFeePerGas: 2n * 10n ** 9n,
  });
  const filling = await wallet.sendTransaction({ ...gas, to: recipient, nonce: 8, value: 1n });
  pay(await mined("the missing nonce", filling), 1n);
  pay(await mined("replacement", replacement), 7n);
  await refusalOf("the replaced one", node.getTransaction({ hash: replaced }));

  step("trace a call that swallows a refusal");
  const relayed = pay(
    await mined(
      "relay",
      await wallet.writeContract({
        ...probe,
        functionName: "relay",
        args: [reverter.address, 101n],
      }),
    ),
  );
  const trace = (tracer, tracerConfig) =>
    node.request({
      method: "debug_traceTransaction",
      params: [relayed.transactionHash, { tracer, tracerConfig }],
    });
  const top = await trace("callTracer");
  expectEqual("the called one", top.to, probe.address.toLowerCase());
  expectEqual("calls inside", top.calls.length, 1);
  expectEqual("callee", top.calls[0].to, reverter.address.toLowerCase());
  expectEqual("its end", top.calls[0].error, "execution reverted");
  const { pre, post } = await trace("prestateTracer", { diffMode: true });
  const changed = post[probe.address.toLowerCase()].storage;
  expectEqual("the slot after", Object.values(changed), [`0x${(101n).toString(16).padStart(64, "0")}`]);
  expect("nothing before", pre[probe.address.toLowerCase()] !== undefined);
  const steps = await node.request({
    method: "debug_traceCall",
    params: [{ to: probe.address, data: "0x4c5e4d0f" }, "latest", {}],
  });
  expect("no steps", steps.failed && steps.structLogs.length > 5);

  step("act as a contract (EIP-7702)");
  const others = [1, 2].map(() => privateKeyToAccount(generatePrivateKey()).address);
  const authorization = await wallet.signAuthorization({
    contractAddress: probe.address,
    executor: "self",
  });
  const both = pay(
    await mined(
      "payments of a delegated account",
      await wallet.writeContract({
        abi: probe.abi,
        address: worker.address,
        functionName: "payBoth",
        args: [...others, 11n],
        authorizationList: [authorization],
      }),
    ),
    22n,
  );
  expectEqual("type", both.type, "eip7702");
  expectEqual(
    "the account's code",
    await node.getCode(worker),
    `0xef0100${probe.address.slice(2).toLowerCase()}`,
  );

  step("ask several things in one request");
  let requests = 0;
  const counted = createPublicClient({
    chain,
    transport: http(options.rpc, {
      batch: true,
      onFetchRequest: () => {
        requests += 1;
      },
    }),
  });
  const answers = await Promise.all([
    ...others.map((address) => counted.getBalance({ address })),
    counted.getChainId(),
    counted.getTransactionCount(worker),
  ]);
  // The transaction and the authorization each use up a nonce.
  expectEqual("answers", answers, [11n, 11n, id, 13]);
  expectEqual("HTTP requests", requests, 1);

  step("prove a slot");
  const proof = await node.getProof({ address: probe.address, storageKeys: [`0x${"0".repeat(64)}`] });
  expectEqual("the proven value", proof.storageProof[0].value, 101n);
  expect("no nodes", proof.accountProof.length > 0 && proof.storageProof[0].proof.length > 0);

  step("balance the books");
  expectEqual("transactions of the worker", await node.getTransactionCount(worker), 13);
  expectEqual("the worker's coins", await node.getBalance(worker), ALLOWANCE - spent);
  const then = { address: worker.address, blockNumber: refused.blockNumber };
  expect("no balance at a past block", (await node.getBalance(then)) > ALLOWANCE - spent);
  stopEvents();
  stopHeads();
});
