// Generated from the engines' source by the tests of `precompiles/`: do not edit.

/** An order of the ledger. */
export const orderType = {
  domain: { name: "QENEX Ledger", version: "1", verifyingContract: "0x5158000000000000000000000000000000000002" },
  types: {
    Order: [
      { name: "clientReference", type: "bytes16" },
      { name: "kind", type: "uint8" },
      { name: "from", type: "address" },
      { name: "to", type: "address" },
      { name: "currency", type: "bytes3" },
      { name: "amount", type: "uint128" },
      { name: "expires", type: "uint64" },
      { name: "endToEndId", type: "bytes32" },
      { name: "payloadHash", type: "bytes32" },
      { name: "validAfter", type: "uint64" },
      { name: "validBefore", type: "uint64" },
    ],
  },
  primaryType: "Order",
} as const;

/** A payer's word for its legs of a settlement instruction. */
export const affirmationType = {
  domain: { name: "QENEX Settlement", version: "1", verifyingContract: "0x5158000000000000000000000000000000000005" },
  types: {
    Affirmation: [
      { name: "id", type: "bytes32" },
      { name: "payer", type: "address" },
    ],
  },
  primaryType: "Affirmation",
} as const;
