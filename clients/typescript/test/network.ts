// What an application does with the ledger of a running development network. Stops with a message
// and exit code 1 at the first answer that is not as it must be.
//   node build/network.js --rpc http://127.0.0.1:8545 --key 0x...

import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import {
  type Hex,
  createPublicClient,
  createWalletClient,
  defineChain,
  hashTypedData,
  http,
  parseEventLogs,
} from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import * as engines from "@qenex/engines";

// First account of the mnemonic "test test ... junk".
const DEV_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const { values } = parseArgs({ options: { rpc: { type: "string" }, key: { type: "string" } } });
const { rpc = "http://127.0.0.1:8545", key: secret = DEV_KEY } = values;
const DEADLINE_MS = 60_000;
setTimeout(() => {
  console.error(`engines: not done in ${DEADLINE_MS} ms`);
  process.exit(1);
}, DEADLINE_MS).unref();

const transport = http(rpc);
const chainId = await createPublicClient({ transport }).getChainId();
const chain = defineChain({
  id: chainId,
  name: "QENEX",
  nativeCurrency: { name: "QENEX", symbol: "QXC", decimals: 18 },
  rpcUrls: { default: { http: [rpc] } },
});
const node = createPublicClient({ chain, transport, pollingInterval: 50, cacheTime: 0 });
const account = privateKeyToAccount(secret as Hex);
const wallet = createWalletClient({ account, chain, transport });

const accounts = { address: engines.addresses.accounts, abi: engines.accountsAbi } as const;
const ledger = { address: engines.addresses.ledger, abi: engines.ledgerAbi } as const;
const face = {
  address: engines.faceAddress("USD"),
  abi: engines.currencyTokenAbi,
} as const;
const currency = engines.currencyBytes("USD");
const none = `0x${"0".repeat(64)}` as const;
// Two more accounts of the mnemonic.
const payees = [
  "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
  "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
] as const;
const payee = payees[0] === account.address ? payees[1] : payees[0];

async function settled(hash: Hex) {
  const receipt = await node.waitForTransactionReceipt({ hash, timeout: 30_000 });
  assert.equal(receipt.status, "success");
  return parseEventLogs({ abi: engines.ledgerAbi, logs: receipt.logs, eventName: "Settled" });
}

async function available() {
  const args = [account.address, currency] as const;
  const balance = await node.readContract({ ...ledger, functionName: "balanceOf", args });
  assert.equal(balance[0] - balance[1], balance[2]);
  return balance[2];
}

console.log("engines: pay, and once more with the same reference");
const before = await available();
const reference = engines.randomReference();
const payment = {
  ...ledger,
  account,
  functionName: "transfer",
  args: [reference, account.address, payee, currency, 123n, none, none],
} as const;
const { result: id, request } = await node.simulateContract(payment);
const [event] = await settled(await wallet.writeContract(request));
assert.deepEqual([event?.args.id, event?.args.to, event?.args.amount], [id, payee, 123n]);
assert.deepEqual(await settled(await wallet.writeContract(request)), []);
assert.equal(await available(), before - 123n);
const transfer = await node.readContract({
  ...ledger,
  functionName: "transferOf",
  args: [account.address, reference],
});
assert.deepEqual([transfer.id, transfer.status], [id, engines.transferStatus.SETTLED]);

console.log("engines: read why a payment is refused");
const tooMuch = [engines.randomReference(), account.address, payee, currency, 1n << 100n] as const;
const refusal = await node.simulateContract({ ...payment, args: [...tooMuch, none, none] }).then(
  () => undefined,
  (error: unknown) => engines.refusalOf(error),
);
assert.equal(refusal?.errorName, "InsufficientFunds");
assert.deepEqual(refusal.args, [before - 123n, 1n << 100n]);

console.log("engines: hand in an order that another key signed");
const key = privateKeyToAccount(generatePrivateKey());
const { Secp256k1 } = engines.scheme;
await settled(
  await wallet.writeContract({
    ...accounts,
    functionName: "addKey",
    args: [account.address, Secp256k1, key.address, 0n],
  }),
);
const order = {
  clientReference: engines.randomReference(),
  kind: engines.transferKind.TRANSFER,
  from: account.address,
  to: payee,
  currency,
  amount: 77n,
  expires: 0n,
  endToEndId: none,
  payloadHash: none,
};
const instruction = { order, validAfter: 0n, validBefore: 0n };
const typedData = engines.orderTypedData(chainId, instruction);
const digest = { ...ledger, functionName: "digest", args: [order, 0n, 0n] } as const;
assert.equal(await node.readContract(digest), hashTypedData(typedData));
const proof = await key.signTypedData(typedData);
const [signed] = await settled(
  await wallet.writeContract({
    ...ledger,
    functionName: "submit",
    args: [[{ ...instruction, scheme: Secp256k1, proof }]],
  }),
);
assert.equal(signed?.args.amount, 77n);

console.log("engines: pay through the currency's ERC-20 face");
await settled(await wallet.writeContract({ ...face, functionName: "transfer", args: [payee, 1n] }));
assert.equal(await available(), before - 201n);
const shown = await node.readContract({
  ...face,
  functionName: "balanceOf",
  args: [account.address],
});
assert.equal(shown, before - 201n);
console.log(`engines: ok in ${Math.round(performance.now())} ms`);
