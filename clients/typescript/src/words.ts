// Generated from the engines' source by the tests of `precompiles/`: do not edit.

/** What kind of customer or book an account is. */
export const accountType = {
  RETAIL: 1,
  BUSINESS: 2,
  INSTITUTION: 3,
  MERCHANT: 4,
  TREASURY: 5,
  SETTLEMENT: 6,
  CONTRACT: 7,
} as const;

/** Whether an account may pay and be paid. */
export const accountStatus = {
  PENDING: 1,
  ACTIVE: 2,
  DORMANT: 3,
  FROZEN: 4,
  CLOSED: 5,
} as const;

/** What a transfer or an order is. */
export const transferKind = {
  TRANSFER: 1,
  ISSUE: 2,
  HOLD: 3,
  REDEEM: 4,
  REVERSAL: 5,
} as const;

/** Where a transfer stands. */
export const transferStatus = {
  PENDING_APPROVAL: 1,
  UNDER_REVIEW: 2,
  HELD: 3,
  SETTLED: 4,
  REJECTED: 5,
  VOIDED: 6,
  EXPIRED: 7,
  REVERSED: 8,
} as const;

/** By what right a payment was made. */
export const authorisation = {
  OWNER: 1,
  KEY: 2,
  DELEGATE: 3,
  ALLOWANCE: 4,
  ISSUER: 5,
} as const;

/** What the risk rules say of a payment. */
export const riskOutcome = {
  ALLOW: 1,
  REVIEW: 2,
  REJECT: 3,
} as const;

/** How payments from one jurisdiction to another are treated. */
export const corridor = {
  OPEN: 1,
  REVIEW: 2,
  BLOCKED: 3,
} as const;

/** What an address may do for the whole network. */
export const role = {
  ADMIN: 1,
  REGISTRAR: 2,
  COMPLIANCE_OFFICER: 3,
  RISK_OFFICER: 4,
  ATTESTOR: 5,
  FEED_MANAGER: 6,
  GUARDIAN: 7,
} as const;

/** How a key of an account signs. */
export const scheme = {
  Secp256k1: 1,
  P256: 2,
  WebAuthn: 3,
  MlDsa65: 4,
} as const;
