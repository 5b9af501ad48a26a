// Examples that the engines' own tests wrote: what they answer, and what they accept.

import { readFileSync } from "node:fs";
import type { Address, Hex } from "viem";
import type { Instruction, Order } from "@qenex/engines";

/** A digest, and the deterministic signature of a secret key on it. */
export type Signed = { digest: Hex; secret: Hex; signer: Address; proof: Hex };

type Named = "accounts" | "currencyToken" | "ledger" | "pqVerify" | "settlement";

/** A call as it was made. */
export type Called = {
  abi: Named;
  to: Address;
  functionName: string;
  args: readonly unknown[];
  data: Hex;
};

/** A call that succeeded. */
export type Answered = Called & { output: Hex; result: unknown };

/** An event as a receipt has it. */
export type Logged = {
  address: Address;
  topics: [Hex, ...Hex[]];
  data: Hex;
  event: { eventName: string; args: unknown };
};

/** A call that was refused. */
export type Refused = Called & {
  refusal: { data: Hex; errorName: string; number: number; http: number; args: unknown };
};

type Vectors = {
  faces: { code: string; bytes: Hex; address: Address }[];
  references: { text: string; reference: Hex }[];
  orders: (Instruction & { chainId: bigint; order: Order; signed: Signed })[];
  affirmations: { chainId: bigint; id: Hex; payer: Address; signed: Signed }[];
  reads: Answered[];
  writes: (Answered & { logs?: Logged[] })[];
  refusals: Refused[];
};

// The compiled tests stand in `build/`.
const text = readFileSync(new URL("../test/vectors.json", import.meta.url), "utf8");

export const vectors: Vectors = JSON.parse(text, (_, value: unknown) =>
  typeof value === "string" && /^[0-9]+n$/.test(value) ? BigInt(value.slice(0, -1)) : value,
);
