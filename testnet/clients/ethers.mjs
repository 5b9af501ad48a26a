// What an application does with a node, done with ethers: connect, deploy, subscribe, send, read.
// Stops with a message and exit code 1 at the first answer that is not as it must be.

import {
  Contract,
  ContractFactory,
  JsonRpcProvider,
  Wallet,
  WebSocketProvider,
  getCreateAddress,
  isError,
} from "ethers";
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

await run("ethers", async (step) => {
  step(`connect to ${options.rpc} and ${options.ws}`);
  // No cached answers: a balance is read right after the receipt that changes it.
  const node = new JsonRpcProvider(options.rpc, undefined, {
    cacheTimeout: -1,
    pollingInterval: 50,
  });
  const live = new WebSocketProvider(options.ws);
  const { chainId } = await node.getNetwork();
  expectEqual("chain id over WebSocket", (await live.getNetwork()).chainId, chainId);
  expectEqual("net_version", await node.send("net_version", []), String(chainId));

  const heads = new Inbox();
  await live.on("block", (number) => heads.push(number));

  step("fund a new account");
  const bank = new Wallet(options.key, node);
  const wallet = new Wallet(Wallet.createRandom().privateKey, node);
  const recipient = Wallet.createRandom().address;
  const mined = async (what, response) => {
    const receipt = await response.wait(1, 30_000);
    expectEqual(`status of ${what}`, receipt.status, 1);
    return receipt;
  };
  await mined(
    "funding",
    await bank.sendTransaction({ to: wallet.address, value: ALLOWANCE }),
  );
  expectEqual("the worker's balance", await node.getBalance(wallet.address), ALLOWANCE);
  let spent = 0n;
  const pay = (receipt, value = 0n) => {
    spent += value + receipt.fee;
    return receipt;
  };

  step("deploy ExampleToken and Reverter");
  const deploy = async (name, nonce, args) => {
    const { abi, bytecode } = artifact(name);
    const contract = await new ContractFactory(abi, bytecode, wallet).deploy(...args);
    const receipt = pay(await mined(`deployment of ${name}`, contract.deploymentTransaction()));
    const computed = getCreateAddress({ from: wallet.address, nonce });
    expectEqual(`address of ${name}`, receipt.contractAddress, computed);
    expect(`${name} has no code`, (await node.getCode(computed)).length > 2);
    return new Contract(computed, abi, wallet);
  };
  const token = await deploy("ExampleToken", 0, [wallet.address]);
  const reverter = await deploy("Reverter", 1, []);

  step("subscribe to the token's events");
  const events = new Inbox();
  await token.connect(live).on("Transfer", (...args) => events.push(args.at(-1).log));
  // The library subscribes without telling when it is done; this answer comes after it.
  await live.getBlockNumber();

  step("send coins");
  const sent = await mined(
    "transfer",
    await wallet.sendTransaction({ to: recipient, value: COINS }),
  );
  pay(sent, COINS);
  expectEqual("gas of a transfer", sent.gasUsed, 21_000n);
  expectEqual("the recipient's coins", await node.getBalance(recipient), COINS);
  expectEqual("the worker's coins", await node.getBalance(wallet.address), ALLOWANCE - spent);

  step("send tokens");
  const paid = pay(await mined("token transfer", await token.transfer(recipient, TOKENS)));
  const supply = await token.totalSupply();
  expectEqual("the recipient's tokens", await token.balanceOf(recipient), TOKENS);
  expectEqual("the worker's tokens", await token.balanceOf(wallet.address), supply - TOKENS);

  step("read the event: subscription, range, block hash");
  const identity = (log) => ({
    block: log.blockHash,
    transaction: log.transactionHash,
    index: log.index,
    topics: [...log.topics],
    data: log.data,
  });
  const announced = await events.find(
    "the Transfer event",
    (log) => log.transactionHash === paid.hash,
  );
  const args = token.interface.parseLog(announced).args.toArray();
  expectEqual("the announced event's arguments", args, [wallet.address, recipient, TOKENS]);
  expectEqual("logs of the receipt", paid.logs.map(identity), [identity(announced)]);
  const filter = {
    address: await token.getAddress(),
    topics: await token.filters.Transfer(null, recipient).getTopicFilter(),
  };
  for (const range of [
    { fromBlock: paid.blockNumber, toBlock: "latest" },
    { blockHash: paid.blockHash },
  ]) {
    const found = await node.getLogs({ ...filter, ...range });
    expectEqual("events found", found.map(identity), [identity(announced)]);
  }

  step("see the blocks in the heads subscription");
  for (const { blockNumber, blockHash } of [sent, paid]) {
    await heads.find(`block ${blockNumber}`, (number) => number === blockNumber);
    expectEqual(`hash of block ${blockNumber}`, (await live.getBlock(blockNumber)).hash, blockHash);
  }

  step("read why calls are refused");
  const refusals = [
    { call: reverter.refuse, args: [], error: ["Error", ["refused: always"]] },
    { call: reverter.check, args: [101n], error: ["AboveLimit", [101n, 100n]] },
    { call: reverter.divide, args: [0n], error: ["Panic", [0x12n]] },
    { call: reverter.refuseSilently, args: [], error: undefined },
  ];
  for (const { call, args, error } of refusals) {
    for (const [method, ask] of [
      ["eth_call", () => call.staticCall(...args)],
      ["eth_estimateGas", () => call.estimateGas(...args)],
    ]) {
      const what = `${method} of ${call.name}`;
      const refusal = await refusalOf(what, ask());
      if (!isError(refusal, "CALL_EXCEPTION")) {
        throw new Error(`${what}: not understood as a revert: ${refusal}`);
      }
      // Not `refusal.revert`: the library decodes that for calls, but not for estimates.
      const data = refusal.data ?? "0x";
      const revert = data === "0x" ? undefined : reverter.interface.parseError(data);
      expectEqual(`error of ${what}`, revert ? [revert.name, [...revert.args]] : undefined, error);
    }
  }

  step("see a refused transaction in its receipt");
  // With a gas limit of its own it is not estimated, so it reaches a block.
  const response = await reverter.check(101n, { gasLimit: 100_000n });
  const failure = await refusalOf("refused transaction", response.wait(1, 30_000));
  if (!isError(failure, "CALL_EXCEPTION") || !failure.receipt) throw failure;
  const refused = pay(failure.receipt);
  expectEqual("status of a refused transaction", refused.status, 0);
  expectEqual("logs of a refused transaction", refused.logs.length, 0);
  const passed = pay(await mined("passing transaction", await reverter.check(100n)));
  expectEqual("logs of a passing transaction", passed.logs.length, 1);

  step("replace a waiting transaction");
  const probe = await deploy("Probe", 6, []);
  const fees = { gasLimit: 21_000n, maxFeePerGas: 10n ** 12n };
  const waiting = { ...fees, to: recipient, nonce: 8, maxPriorityFeePerGas: 10n ** 9n };
  // Nonce 7 is missing, so nonce 8 waits.
  const replaced = await wallet.sendTransaction({ ...waiting, value: 5n });
  const cheap = await refusalOf(
    "a replacement that pays no more",
    wallet.sendTransaction({ ...waiting, value: 6n }),
  );
  expect(`not understood: ${cheap}`, isError(cheap, "REPLACEMENT_UNDERPRICED"));
  const replacement = await wallet.sendTransaction({
    ...waiting,
    value: 7n,
    maxFeePerGas: 2n * 10n ** 12n,
    maxPriorityFeePerGas: 2n * 10n ** 9n,
  });
  const filling = await wallet.sendTransaction({ ...fees, to: recipient, nonce: 7, value: 1n });
  pay(await mined("the missing nonce", filling), 1n);
  pay(await mined("replacement", replacement), 7n);
  const notice = await refusalOf("the replaced one", replaced.wait(1, 30_000));
  expect(`not understood: ${notice}`, isError(notice, "TRANSACTION_REPLACED"));
  expectEqual("what replaced it", notice.hash, replacement.hash);

  step("trace a call that swallows a refusal");
  const relayed = pay(await mined("relay", await probe.relay(await reverter.getAddress(), 101n)));
  const top = await node.send("debug_traceTransaction", [relayed.hash, { tracer: "callTracer" }]);
  expectEqual("callee", top.calls[0].to, (await reverter.getAddress()).toLowerCase());
  expectEqual("its end", top.calls[0].error, "execution reverted");
  const selectors = await node.send("debug_traceTransaction", [
    relayed.hash,
    { tracer: "4byteTracer" },
  ]);
  const check = reverter.interface.getFunction("check").selector;
  expectEqual("what was called", selectors[`${check}-32`], 1);

  step("act as a contract (EIP-7702)");
  const others = [1, 2].map(() => Wallet.createRandom().address);
  const nonce = await wallet.getNonce();
  const authorization = await wallet.authorize({
    address: await probe.getAddress(),
    nonce: nonce + 1,
  });
  const both = await wallet.sendTransaction({
    type: 4,
    to: wallet.address,
    data: probe.interface.encodeFunctionData("payBoth", [...others, 11n]),
    authorizationList: [authorization],
    gasLimit: 300_000n,
  });
  pay(await mined("payments of a delegated account", both), 22n);
  expectEqual(
    "the account's code",
    await node.getCode(wallet.address),
    `0xef0100${(await probe.getAddress()).slice(2).toLowerCase()}`,
  );

  step("ask several things in one request");
  const sizes = [];
  await node.on("debug", ({ action, payload }) => {
    if (action === "sendRpcPayload") sizes.push([payload].flat().length);
  });
  const answers = await Promise.all([
    ...others.map((address) => node.getBalance(address)),
    node.getTransactionCount(wallet.address),
  ]);
  // The transaction and the authorization each use up a nonce.
  expectEqual("answers", answers, [11n, 11n, nonce + 2]);
  expect(`no batch among ${sizes}`, sizes.some((size) => size >= 3));

  step("poll a filter");
  const polled = await node.send("eth_newFilter", [{ address: filter.address, fromBlock: "0x0" }]);
  expectEqual("logs of the filter", (await node.send("eth_getFilterLogs", [polled])).length, 2);
  await token.transfer(recipient, 1n).then(async (sent) => pay(await mined("another", sent)));
  expectEqual("new logs", (await node.send("eth_getFilterChanges", [polled])).length, 1);
  expectEqual("no more", await node.send("eth_getFilterChanges", [polled]), []);
  expectEqual("it was there", await node.send("eth_uninstallFilter", [polled]), true);

  step("balance the books");
  expectEqual("transactions of the worker", await node.getTransactionCount(wallet.address), 13);
  expectEqual("the worker's coins", await node.getBalance(wallet.address), ALLOWANCE - spent);
  const then = await node.getBalance(wallet.address, refused.blockNumber);
  expect("no balance at a past block", then > ALLOWANCE - spent);
  await live.destroy();
  node.destroy();
});
