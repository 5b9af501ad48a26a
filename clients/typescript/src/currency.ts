// Currency codes, as the engines have them and as people do.

import { type Address, type Hex, getAddress, hexToString, stringToHex } from "viem";
import { facePrefix } from "./addresses.js";

/** A currency code as the engines have it, `bytes3`: "USD" is 0x555344. Throws if it is none. */
export function currencyBytes(code: string): Hex {
  if (!/^[A-Z]{3}$/.test(code)) {
    throw new TypeError(`a currency code is three letters A to Z, not ${JSON.stringify(code)}`);
  }
  return stringToHex(code);
}

/** The code that `bytes3` of an engine are: 0x555344 is "USD". */
export function currencyCode(bytes: Hex): string {
  return hexToString(bytes);
}

/** The address of a currency's ERC-20 face, registered or not; its ABI is `currencyTokenAbi`. */
export function faceAddress(code: string): Address {
  return getAddress(`${facePrefix}${currencyBytes(code).slice(2)}`);
}
