// What the compiler must accept and refuse. Never run.

import type { PublicClient, WalletClient } from "viem";
import {
  type Instruction,
  addresses,
  affirmationTypedData,
  currencyBytes,
  currencyTokenAbi,
  errors,
  faceAddress,
  ledgerAbi,
  orderTypedData,
  referenceOf,
  refusalOf,
  scheme,
  settlementAbi,
  transferKind,
} from "@qenex/engines";

const account = "0xA1a1a1A1A1A1A1A1A1a1A1A1A1A1A1A1a1a1A1a1";
const ledger = { address: addresses.ledger, abi: ledgerAbi } as const;
const settlement = { address: addresses.settlement, abi: settlementAbi } as const;
const currency = currencyBytes("USD");
const zero = `0x${"0".repeat(64)}` as const;

export async function reads(node: PublicClient) {
  const [posted, held, available] = await node.readContract({
    ...ledger,
    functionName: "balanceOf",
    args: [account, currency],
  });
  const sum: bigint = posted + held + available;
  const transfer = await node.readContract({
    ...ledger,
    functionName: "transferOf",
    args: [account, referenceOf("order-4711")],
  });
  const status: number = transfer.status;
  const face = { address: faceAddress("USD"), abi: currencyTokenAbi } as const;
  const name: string = await node.readContract({ ...face, functionName: "name" });

  // @ts-expect-error no such function
  await node.readContract({ ...ledger, functionName: "balance", args: [account, currency] });
  // @ts-expect-error an argument is missing
  await node.readContract({ ...ledger, functionName: "balanceOf", args: [account] });
  // @ts-expect-error a code is not an address
  await node.readContract({ ...ledger, functionName: "balanceOf", args: ["USD", currency] });
  // @ts-expect-error it writes
  await node.readContract({ ...ledger, functionName: "setCap", args: [currency, 1n] });
  // @ts-expect-error a transfer has no such field
  void transfer.fee;
  // @ts-expect-error amounts are bigint
  const wrong: number = posted;
  return { sum, status, name, wrong };
}

export async function writes(wallet: WalletClient) {
  const { chain } = wallet;
  const reference = referenceOf("order-4711");
  const pay = { ...ledger, account, chain, functionName: "transfer" } as const;
  await wallet.writeContract({
    ...pay,
    args: [reference, account, account, currency, 1_234n, zero, zero],
  });
  await wallet.writeContract({
    ...pay,
    // @ts-expect-error amounts are bigint
    args: [reference, account, account, currency, 1_234, zero, zero],
  });
  const supply = { ...ledger, account, chain, functionName: "supply" } as const;
  // @ts-expect-error it only reads
  await wallet.writeContract({ ...supply, args: [currency] });
  const leg = { payer: account, payee: account, currency, amount: 1n } as const;
  const instruct = { ...settlement, account, chain, functionName: "instruct" } as const;
  await wallet.writeContract({ ...instruct, args: [reference, [leg], 0n, zero] });
  const half = { payer: account, payee: account, currency } as const;
  // @ts-expect-error a leg needs its amount
  await wallet.writeContract({ ...instruct, args: [reference, [half], 0n, zero] });
}

export async function signs(wallet: WalletClient, instruction: Instruction) {
  const proof = await wallet.signTypedData({ account, ...orderTypedData(20_824, instruction) });
  const affirmation = affirmationTypedData(1n, { id: zero, payer: account });
  await wallet.signTypedData({ account, ...affirmation });
  const order = { ...instruction, scheme: scheme.Secp256k1, proof };
  const submit = { ...ledger, account, chain: null, functionName: "submit" } as const;
  await wallet.writeContract({ ...submit, args: [[order]] });
  // @ts-expect-error an order needs its proof
  await wallet.writeContract({ ...submit, args: [[instruction]] });
  const hold: Instruction = {
    ...instruction,
    order: { ...instruction.order, kind: transferKind.HOLD, expires: 1n },
  };
  // @ts-expect-error times are bigint
  orderTypedData(1, { ...hold, validAfter: 1 });
  // @ts-expect-error no such kind
  void transferKind.LOAN;
  return hold;
}

export function errorsAreTold(error: unknown): bigint | string {
  const refusal = refusalOf(error);
  if (refusal?.errorName === "InsufficientFunds") {
    const [available, needed]: readonly [bigint, bigint] = refusal.args;
    return needed - available;
  }
  // @ts-expect-error no engine reverts with an error of the bank facade
  if (refusal?.errorName === "RateLimited") return "";
  const http: 404 = errors.UnknownAccount.http;
  // @ts-expect-error no such error
  void errors.Whatever;
  return `${http}: ${refusal?.text}`;
}
