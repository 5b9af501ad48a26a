// Generated from the engines' source by the tests of `precompiles/`: do not edit.

/** Where the engines are. */
export const addresses = {
  /** Profiles of ledger accounts, and who may move their money. */
  accounts: "0x5158000000000000000000000000000000000001",
  /** Currencies, balances and transfers. */
  ledger: "0x5158000000000000000000000000000000000002",
  /** Tiers, limits, corridors, deny list, attestations, freezes, travel rule. */
  compliance: "0x5158000000000000000000000000000000000003",
  /** Scores of payments, and what they are computed from. */
  risk: "0x5158000000000000000000000000000000000004",
  /** Delivery and payment at once, and netting. */
  settlement: "0x5158000000000000000000000000000000000005",
  /** Prices: reporters, their median, and guards over it. */
  oracle: "0x5158000000000000000000000000000000000006",
  /** Roles, approvals of several, and the registry of parameters. */
  access: "0x5158000000000000000000000000000000000008",
  /** Signatures that resist quantum computers, for contracts. */
  pqVerify: "0x5158000000000000000000000000000000000009",
  /** The native coin, for its ERC-20 face. */
  nativeCoin: "0x515800000000000000000000000000000000000A",
} as const;

/** What the address of a currency's ERC-20 face begins with; its code follows. */
export const facePrefix = "0x5158c00000000000000000000000000000";
