// Client references: 128 bits by which a payer names a payment, unique per account for ever.

import { type Hex, bytesToHex, keccak256, slice, stringToHex } from "viem";

const DIGIT = "[0-9a-fA-F]";
const UUID = [8, 4, 4, 4, 12].map((length) => `${DIGIT}{${length}}`).join("-");
const BYTES = new RegExp(`^(?:0x)?(?:${DIGIT}{32}|${UUID})$`);

/**
 * The reference of a text, the same that the bank facade makes of an `Idempotency-Key`: the bytes
 * of a UUID or of 32 hexadecimal digits, else the first half of keccak256 of the text.
 */
export function referenceOf(text: string): Hex {
  if (BYTES.test(text)) {
    return `0x${text.replace(/^0x|-/g, "").toLowerCase()}`;
  }
  return slice(keccak256(stringToHex(text)), 0, 16);
}

/** A reference nobody used before: a random UUID's bytes, so never one that the ledger reserves. */
export function randomReference(): Hex {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytesToHex(bytes);
}
