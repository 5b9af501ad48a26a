// The package against what the engines answer (`vectors.json`).

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Abi,
  type EIP1193RequestFn,
  type Hex,
  RpcRequestError,
  createPublicClient,
  custom,
  decodeFunctionResult,
  encodeErrorResult,
  encodeFunctionData,
  hashTypedData,
  parseAbi,
  parseEventLogs,
  slice,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import * as engines from "@qenex/engines";
import { type Called, vectors } from "./vectors.js";

const { addresses, decodeRefusal, errors, faceAddress, ledgerAbi, refusalOf } = engines;

/** The ABI that a vector names; the vectors' own types are not known to the compiler. */
function abiOf(called: Called): Abi {
  return engines[`${called.abi}Abi`];
}

function placeOf(called: Called): string {
  return called.abi === "currencyToken" ? faceAddress("USD") : addresses[called.abi];
}

test("calls are encoded as the engines take them, and their answers read", () => {
  const calls = [...vectors.reads, ...vectors.writes];
  assert.ok(calls.length >= 9);
  for (const called of calls) {
    const { functionName, args, data, output, result } = called;
    const abi = abiOf(called);
    assert.equal(placeOf(called), called.to, functionName);
    assert.equal(encodeFunctionData({ abi, functionName, args }), data, functionName);
    const decoded = decodeFunctionResult({ abi, functionName, args, data: output });
    assert.deepEqual(decoded, result, functionName);
  }
});

test("events of a payment are read: the ledger's, and the ERC-20 face's", () => {
  const logs = vectors.writes.flatMap((write) => write.logs ?? []);
  const parse = (abi: Abi) =>
    // A receipt's logs have more fields than the parser looks at.
    parseEventLogs({ abi, logs: logs as never }).map(({ eventName, args, address }) => ({
      address,
      event: { eventName, args },
    }));
  const found = [...parse(ledgerAbi), ...parse(engines.currencyTokenAbi)];
  assert.deepEqual(found.map(({ event }) => event.eventName).sort(), ["Settled", "Transfer"]);
  for (const { address, event } of found) {
    const log = logs.find((log) => log.address === address);
    assert.deepEqual(event, log?.event);
  }
});

test("what a key signs for an order is what the ledger checks", async () => {
  assert.equal(vectors.orders.length, 3);
  for (const { chainId, order, validAfter, validBefore, signed } of vectors.orders) {
    const data = engines.orderTypedData(chainId, { order, validAfter, validBefore });
    assert.equal(hashTypedData(data), signed.digest);
    const account = privateKeyToAccount(signed.secret);
    assert.equal(account.address, signed.signer);
    assert.equal(await account.signTypedData(data), signed.proof);
    const other = engines.orderTypedData(chainId + 1n, { order, validAfter, validBefore });
    assert.notEqual(hashTypedData(other), signed.digest);
  }
});

test("what a key signs to affirm is what the settlement engine checks", async () => {
  assert.equal(vectors.affirmations.length, 2);
  for (const { chainId, id, payer, signed } of vectors.affirmations) {
    const data = engines.affirmationTypedData(chainId, { id, payer });
    assert.equal(hashTypedData(data), signed.digest);
    assert.equal(await privateKeyToAccount(signed.secret).signTypedData(data), signed.proof);
  }
});

test("references are those that the bank facade makes", () => {
  for (const { text, reference } of vectors.references) {
    assert.equal(engines.referenceOf(text), reference, text);
  }
  const random = Array.from({ length: 100 }, () => engines.randomReference());
  assert.equal(new Set(random).size, 100);
  for (const reference of random) {
    assert.match(reference, /^0x[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
    assert.equal(engines.referenceOf(reference), reference);
  }
});

test("currency codes and their faces", () => {
  for (const { code, bytes, address } of vectors.faces) {
    assert.equal(engines.currencyBytes(code), bytes);
    assert.equal(engines.currencyCode(bytes), code);
    assert.equal(faceAddress(code), address);
  }
  for (const wrong of ["", "usd", "US", "USDC", "U$D", "ÜSD"]) {
    assert.throws(() => engines.currencyBytes(wrong), TypeError, wrong);
    assert.throws(() => faceAddress(wrong), TypeError, wrong);
  }
});

/** A node that refuses every call with some revert data, as QENEX nodes do. */
function refusingNode(data: Hex) {
  const request = async ({ method }: { method: string }) => {
    if (method === "eth_chainId") return "0x5158";
    if (method === "eth_call" || method === "eth_estimateGas") {
      const error = { code: 3, message: "execution reverted", data };
      throw new RpcRequestError({ body: { method }, error, url: "test" });
    }
    throw new Error(`not asked for: ${method}`);
  };
  return custom({ request: request as EIP1193RequestFn });
}

/** What a promise is rejected with. */
async function rejection(promise: Promise<unknown>): Promise<unknown> {
  const nothing = Symbol("nothing");
  const outcome = await promise.then(
    () => nothing,
    (error: unknown) => error,
  );
  assert.notEqual(outcome, nothing, "it succeeded");
  return outcome;
}

test("why an engine refused is found in whatever viem throws", async () => {
  assert.equal(vectors.refusals.length, 5);
  for (const called of vectors.refusals) {
    const { data, args, errorName, number, http } = called.refusal;
    const abi = abiOf(called);
    const { to, functionName } = called;
    assert.equal(encodeFunctionData({ abi, functionName, args: called.args }), called.data);
    const node = createPublicClient({ transport: refusingNode(data) });
    const account = to;
    const contract = { address: to, abi, functionName, args: called.args, account };
    const thrown = await Promise.all([
      rejection(node.readContract(contract)),
      rejection(node.simulateContract(contract)),
      rejection(node.estimateContractGas(contract)),
      rejection(node.call({ to, data: called.data })),
      rejection(node.estimateGas({ to, data: called.data, account })),
    ]);
    for (const error of thrown) {
      const refusal = refusalOf(error);
      assert.ok(refusal, `${errorName}: ${String(error)}`);
      assert.equal(refusal.errorName, errorName);
      assert.deepEqual(refusal.args ?? null, args);
      assert.deepEqual([refusal.number, refusal.http], [number, http]);
      assert.equal(refusal.text, errors[refusal.errorName].text);
    }
  }
});

test("refusals inside of refusals, and what is none", () => {
  const item = vectors.refusals.map(({ refusal }) => decodeRefusal(refusal.data));
  const outer = item.find((refusal) => refusal?.errorName === "ItemRefused");
  assert.equal(outer?.errorName, "ItemRefused");
  const [index, reason] = outer.args;
  assert.equal(index, 0n);
  assert.equal(decodeRefusal(reason)?.errorName, "InsufficientFunds");

  // Error("no") of Solidity, an unknown selector, half an error, nothing.
  const whole = vectors.refusals[0]!.refusal.data;
  const solidity = encodeErrorResult({ abi: parseAbi(["error Error(string)"]), args: ["no"] });
  for (const data of [solidity, "0x12345678", slice(whole, 0, 20), "0x"] as const) {
    assert.equal(decodeRefusal(data), undefined, data);
  }
  const endless: { cause?: unknown } = {};
  endless.cause = endless;
  for (const error of [undefined, null, "0x", new Error("no"), endless, { data: "0x12345678" }]) {
    assert.equal(refusalOf(error), undefined);
  }
  // As ethers and some wallets have it.
  assert.equal(refusalOf({ data: whole })?.number, 218);
  assert.equal(refusalOf({ cause: { data: { data: whole } } })?.number, 218);
});

test("every error of the ABI is in the catalogue, with a number of its own", () => {
  const numbers = engines.errorsAbi.map(({ name }) => errors[name].number);
  assert.equal(new Set(numbers).size, engines.errorsAbi.length);
  assert.ok(numbers.every((number) => number < 400));
  const engineErrors = Object.values(errors).filter(({ number }) => number < 400);
  assert.equal(engineErrors.length, engines.errorsAbi.length);
});
