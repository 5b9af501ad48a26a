// Why an engine refused a call: its revert data, understood with the error catalogue.

import { type DecodeErrorResultReturnType, type Hex, decodeErrorResult, isHex } from "viem";
import { errorsAbi } from "./abi.js";
import { errors } from "./errors.js";

/** An entry of the catalogue. */
export type CatalogueEntry = {
  /** The public number. */
  readonly number: number;
  /** The HTTP status with which the bank facade answers. */
  readonly http: number;
  /** One sentence for people. */
  readonly text: string;
};

type Decoded = DecodeErrorResultReturnType<typeof errorsAbi>;
type Describe<Error> = Error extends { errorName: infer Name; args?: infer Args }
  ? CatalogueEntry & { readonly errorName: Name; readonly args: Args }
  : never;

/** An error of an engine: `errorName` tells which, and which arguments it has. */
export type Refusal = Describe<Decoded>;

/**
 * Understands an engine's revert data, also where it is a value: the `reason` of a `Result`, the
 * `refusals` of an `Explanation`. Undefined if it is no error of the catalogue.
 */
export function decodeRefusal(data: Hex): Refusal | undefined {
  let decoded: Decoded;
  try {
    decoded = decodeErrorResult({ abi: errorsAbi, data });
  } catch {
    return undefined;
  }
  const { errorName, args } = decoded;
  // viem knows Solidity's own Error and Panic besides; those have no entry.
  if (!Object.hasOwn(errors, errorName)) return undefined;
  return { ...errors[errorName], errorName, args } as Refusal;
}

/** Deepest chain of causes that is looked at. */
const DEEPEST = 16;

/**
 * The engine's error inside of what viem threw, whatever was done: a read, a simulation, an
 * estimate, a plain call. Undefined if an engine's error is not the cause.
 */
export function refusalOf(error: unknown): Refusal | undefined {
  let at = error;
  for (let depth = 0; depth < DEEPEST && typeof at === "object" && at !== null; depth += 1) {
    const { raw, data, cause } = at as { raw?: unknown; data?: unknown; cause?: unknown };
    // Some wallets put the node's error into `data`.
    const inner = typeof data === "object" && data !== null && "data" in data ? data.data : data;
    for (const candidate of [raw, inner]) {
      const found = isHex(candidate) ? decodeRefusal(candidate) : undefined;
      if (found) return found;
    }
    at = cause;
  }
  return undefined;
}
