// What keys of accounts sign: EIP-712 data for viem's `signTypedData` and `hashTypedData`.

import type { ContractFunctionArgs, Hex } from "viem";
import type { ledgerAbi } from "./abi.js";
import { affirmationType, orderType } from "./signed.js";

/** An order with its proof, as the ledger's `submit` takes it. */
export type SignedOrder = ContractFunctionArgs<
  typeof ledgerAbi,
  "nonpayable",
  "submit"
>[0][number];

/** A payment as it is asked for. */
export type Order = SignedOrder["order"];

/** An order and the time in which it counts: what a key signs. */
export type Instruction = Omit<SignedOrder, "scheme" | "proof">;

/**
 * What a key signs for an order. The signature of a secp256k1 key, as `signTypedData` gives it, is
 * the proof of `scheme.Secp256k1`; other keys sign `hashTypedData` of this.
 */
export function orderTypedData(chainId: number | bigint, instruction: Instruction) {
  const { order, validAfter, validBefore } = instruction;
  return {
    domain: { ...orderType.domain, chainId },
    types: orderType.types,
    primaryType: orderType.primaryType,
    message: { ...order, validAfter, validBefore },
  };
}

/** What a payer's key signs to affirm its legs of a settlement instruction (`affirmSigned`). */
export function affirmationTypedData(
  chainId: number | bigint,
  affirmation: { readonly id: Hex; readonly payer: Hex },
) {
  return {
    domain: { ...affirmationType.domain, chainId },
    types: affirmationType.types,
    primaryType: affirmationType.primaryType,
    message: affirmation,
  };
}
