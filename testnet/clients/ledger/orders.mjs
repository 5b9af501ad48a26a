// What a transaction asks of the ledger: the orders in its call, and the keys that signed them.

import { createPublicKey, verify } from "node:crypto";
import { concat, hashTypedData, keccak256, pad, recoverAddress, toHex } from "viem";
import { LEDGER, currencyOf, idOf } from "./chain.mjs";

export const ZERO = `0x${"0".repeat(40)}`;
const ZERO_WORD = `0x${"0".repeat(64)}`;
/** Kinds of transfers, and the bits of delegations for them; bit 0 is to capture. */
export const [CAPTURE, TRANSFER, ISSUE, HOLD, REDEEM, REVERSAL] = [0, 1, 2, 3, 4, 5];

const ORDER = [
  ["clientReference", "bytes16"],
  ["kind", "uint8"],
  ["from", "address"],
  ["to", "address"],
  ["currency", "bytes3"],
  ["amount", "uint128"],
  ["expires", "uint64"],
  ["endToEndId", "bytes32"],
  ["payloadHash", "bytes32"],
  ["validAfter", "uint64"],
  ["validBefore", "uint64"],
].map(([name, type]) => ({ name, type }));

/** What a key of a payer signs (EIP-712). */
export const orderDigest = (chainId, order, validAfter, validBefore) =>
  hashTypedData({
    domain: { name: "QENEX Ledger", version: "1", chainId, verifyingContract: LEDGER },
    types: { Order: ORDER },
    primaryType: "Order",
    message: { ...order, validAfter, validBefore },
  });

/** The id of a key. */
const keyId = (scheme, key) => keccak256(concat([toHex(scheme, { size: 1 }), key]));

/** The id of the key that signed a digest; undefined if none did, or one of a scheme not known here. */
async function signer(scheme, digest, proof) {
  try {
    if (scheme === 1) return keyId(1, await recoverAddress({ hash: digest, signature: proof }));
    if (scheme !== 2) return undefined;
    const bytes = Buffer.from(proof.slice(2), "hex");
    const coordinate = (at) => bytes.subarray(at, at + 32).toString("base64url");
    const jwk = { kty: "EC", crv: "P-256", x: coordinate(0), y: coordinate(32) };
    const key = createPublicKey({ key: jwk, format: "jwk" });
    const message = Buffer.from(digest.slice(2), "hex");
    const right = verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, bytes.subarray(64));
    return right ? keyId(2, toHex(bytes.subarray(0, 64))) : undefined;
  } catch {
    return undefined;
  }
}

/** By order, the key that signed it, of those of a `submit` that count at a time. */
export async function signers(chainId, { args }, time) {
  const found = new Map();
  for (const { order, validAfter, validBefore, scheme, proof } of args.orders) {
    const late = validBefore !== 0n && time > validBefore;
    if (time < validAfter || late) continue;
    const digest = orderDigest(chainId, order, validAfter, validBefore);
    found.set(order, await signer(scheme, digest, proof));
  }
  return found;
}

/** The orders of a call, each with `giver`: whose reference it is. `records` has what was made before. */
export function ordersOf({ address, name, args }, sender, records) {
  const own = (order) => Object.assign(order, { giver: order.from });
  const face = currencyOf(address);
  if (face) {
    const from = name === "transferFrom" ? args.from : sender;
    return [{ kind: TRANSFER, from, to: args.to, currency: face, amount: args.value }];
  }
  if (address !== LEDGER) return [];
  const none = { endToEndId: ZERO_WORD, payloadHash: ZERO_WORD };
  switch (name) {
    case "transfer":
      return [own({ ...args, kind: TRANSFER })];
    case "hold":
      return [own({ ...args, kind: HOLD })];
    case "redeem":
      return [own({ ...none, ...args, kind: REDEEM, to: ZERO })];
    case "issue":
      return [{ ...none, ...args, kind: ISSUE, giver: sender, from: ZERO }];
    case "reverse": {
      const { clientReference, payer: to, amount, reason } = args;
      const original = idOf(to, args.original);
      const { to: from, currency } = records.get(original) ?? {};
      const memo = { endToEndId: original, payloadHash: pad(reason, { dir: "right", size: 32 }) };
      return [own({ ...memo, clientReference, kind: REVERSAL, from, to, currency, amount })];
    }
    case "batch":
    case "atomic":
      return args.orders.map(own);
    case "submit":
      return args.orders.map(({ order }) => own(order));
    default:
      return [];
  }
}
