// What the payments are made in: two currencies of the script's own, with officers, desks of customers and
// their accounts, and the development network's own accounts. Made anew by every run.

import { createECDH } from "node:crypto";
import { keccak256, stringToHex, toHex } from "viem";
import { mnemonicToAccount } from "viem/accounts";
import { ACCESS, ACCOUNTS, COMPLIANCE, LEDGER, code } from "./chain.mjs";
import { Wallet } from "./send.mjs";
import { NO_LIMIT } from "./who.mjs";

const MNEMONIC = "test test test test test test test test test test test junk";
const DEV_ACCOUNTS = 10;
const DEMO_ACCOUNTS = { alice: "USD", bob: "USD", carol: "EUR", dave: "EUR" };

export const [RETAIL, BUSINESS, INSTITUTION, MERCHANT, TREASURY, SETTLEMENT_ACCOUNT] = [
  1, 2, 3, 4, 5, 6,
];
const [REGISTRAR, COMPLIANCE_OFFICER] = [2, 3];
/** Jurisdictions that no country has: payments from home are free, reviewed or blocked. */
const [HOME, REVIEWED, BLOCKED] = ["XA", "XR", "XB"].map((letters) => stringToHex(letters));
const [REVIEW, BLOCK] = [2, 3];

export const FOR_EVER = (1n << 40n) - 1n;
/** What customers start with, minor units; the most there may be of a currency. */
const FUNDS = 1_000_000_000n;
const CAP = 1_000_000_000_000_000n;
/** Coins for fees, wei. */
const COINS = 50n * 10n ** 18n;
/** From this amount on two accounts of a desk need approvals. */
export const THRESHOLD = 10_000n;
/** What a delegate may move in a period of so many seconds. */
export const DELEGATED = 100_000n;
const PERIOD = 5;

const DESKS = 4;

/** What the specification of a development network says of the ledger. */
export function developmentGenesis(admin) {
  const [usd, eur] = ["USD", "EUR"].map(code);
  const demo = Object.entries(DEMO_ACCOUNTS).map(([name, letters]) => ({
    id: `0x${keccak256(stringToHex(`qenex demo account ${name}`)).slice(26)}`,
    owner: admin,
    type: BUSINESS,
    balances: [[code(letters), 100_000_000n]],
  }));
  const dev = devWallets().map(({ address }) => ({
    id: address,
    owner: address,
    type: RETAIL,
    balances: [
      [usd, 1_000_000n],
      [eur, 1_000_000n],
    ],
  }));
  return { admin, currencies: [usd, eur], accounts: [...demo, ...dev] };
}

function devWallets() {
  return Array.from({ length: DEV_ACCOUNTS }, (_, addressIndex) => {
    const { privateKey } = mnemonicToAccount(MNEMONIC, { addressIndex }).getHdKey();
    return new Wallet(toHex(privateKey));
  });
}

/** Keys, accounts and currencies from a seed: names that this network does not know yet. */
export class World {
  /** The seed, and which of its runs on this network this is. */
  run;
  #names = 0;
  wallets = [];

  constructor(node, sender, admin, chainId) {
    Object.assign(this, { node, sender, admin, chainId });
  }

  async build(seed, progress) {
    for (let run = 0; ; run += 1) {
      this.run = `${seed} ${run}`;
      const { address } = new Wallet(this.#hash("issuer"));
      const nonce = await this.node.call("eth_getTransactionCount", address, "latest");
      const free = await Promise.all(
        [0, 1].map((number) => this.node.probe(LEDGER, "currency", [this.#code(number)])),
      );
      if (nonce === "0x0" && free.every(({ error }) => error === "UnknownCurrency")) break;
    }
    progress("roles, currencies and coins");
    this.officers = [this.wallet(), this.wallet()];
    [this.registrar, this.issuer, this.stranger] = [this.wallet(), this.wallet(), this.wallet()];
    this.currencies = [this.#code(0), this.#code(1)];
    this.desks = Array.from({ length: DESKS }, (_, number) => this.#desk(number));
    this.rest = Object.fromEntries(
      ["frozen", "limited", "leaver", "newcomer"].map((name) => [name, this.wallet()]),
    );
    this.treasury = this.issuer.address;
    await this.sender.use(this.admin);
    await this.#govern();
    progress("accounts");
    await this.#openAll();
    progress("money and rights");
    await this.#endow();
    this.dev = await Promise.all(devWallets().map((wallet) => this.sender.use(wallet)));
  }

  #hash(name) {
    return keccak256(stringToHex(`ledger ${this.run} ${name}`));
  }

  /** The code of a currency: X or Y and two letters. */
  #code(number) {
    const bytes = this.#hash(`currency ${number}`);
    const letter = (at) =>
      String.fromCharCode(65 + (Number.parseInt(bytes.slice(at, at + 4), 16) % 26));
    return code(`${"XY"[number]}${letter(2)}${letter(6)}`);
  }

  /** A key that nobody used. */
  wallet() {
    const wallet = new Wallet(this.#hash(`wallet ${(this.#names += 1)}`));
    this.wallets.push(wallet);
    return wallet;
  }

  /** An address without a key, for an account that another owns. */
  name() {
    return `0x${this.#hash(`account ${(this.#names += 1)}`).slice(26)}`;
  }

  #desk(number) {
    const names = [
      "payer",
      "bank",
      "merchant",
      "other",
      "delegate",
      "spender",
      "approver",
      "signer",
    ];
    const desk = Object.fromEntries(names.map((name) => [name, this.wallet()]));
    const { payer, bank, merchant, other } = desk;
    const account = (owner, type, id = owner.address, jurisdiction = HOME) => ({
      id,
      owner,
      type,
      jurisdiction,
    });
    desk.accounts = {
      P: account(payer, INSTITUTION),
      Q: account(bank, INSTITUTION),
      R: account(payer, RETAIL, this.name()),
      M: account(merchant, MERCHANT),
      O: account(other, BUSINESS),
      A: account(payer, INSTITUTION, this.name()),
      X: account(merchant, INSTITUTION, this.name(), REVIEWED),
      B: account(merchant, INSTITUTION, this.name(), BLOCKED),
      T: account(bank, SETTLEMENT_ACCOUNT, this.name()),
    };
    desk.passkey = p256(this.#hash(`passkey ${number}`));
    return Object.assign(desk, { number });
  }

  async #govern() {
    const { admin, sender, officers, registrar } = this;
    const role = (number, { address }) =>
      sender.call(admin, ACCESS, "grantRole", [number, address]);
    await Promise.all([
      ...this.wallets.map(({ address: to }) =>
        sender.send(admin, { to, value: COINS, gas: 21_000n }),
      ),
      role(REGISTRAR, registrar),
      ...officers.map((officer) => role(COMPLIANCE_OFFICER, officer)),
      ...this.currencies.map((currency, i) =>
        sender.call(admin, LEDGER, "registerCurrency", [
          currency,
          2 + i,
          `Test ${i}`,
          this.issuer.address,
          CAP,
        ]),
      ),
    ]);
    await Promise.all(
      [
        [REVIEWED, REVIEW],
        [BLOCKED, BLOCK],
      ].map(([to, terms]) =>
        sender.call(officers[0], COMPLIANCE, "setCorridor", [HOME, to, terms, false]),
      ),
    );
  }

  /** Opens an account, by the registrar. */
  open(id, owner, type, jurisdiction = HOME) {
    const args = [id, owner, type, jurisdiction, this.currencies[0]];
    return this.sender.call(this.registrar, ACCOUNTS, "open", args);
  }

  async #openAll() {
    const { frozen, limited, leaver } = this.rest;
    const customers = this.desks.flatMap(({ accounts }) => Object.values(accounts));
    await Promise.all([
      ...customers.map(({ id, owner, type, jurisdiction }) =>
        this.open(id, owner.address, type, jurisdiction),
      ),
      this.open(this.treasury, this.treasury, TREASURY),
      ...[frozen, limited, leaver].map(({ address }) => this.open(address, address, INSTITUTION)),
    ]);
  }

  /** Money from the issuer, under a new reference. */
  issue(to, currency, amount, reference, wanted) {
    return this.sender.call(
      this.issuer,
      LEDGER,
      "issue",
      [reference, to, currency, amount],
      wanted,
    );
  }

  async #endow() {
    const { frozen, limited, leaver } = this.rest;
    const rich = [this.treasury, frozen.address, limited.address, leaver.address];
    for (const { accounts } of this.desks)
      rich.push(...["P", "Q", "R", "M", "O", "A"].map((name) => accounts[name].id));
    const funds = rich.flatMap((to) =>
      this.currencies.map((currency, i) => {
        const reference = this.#hash(`funds ${to} ${i}`).slice(4, 34);
        return this.issue(to, currency, FUNDS, `0x0f${reference}`);
      }),
    );
    await Promise.all([...funds, ...this.desks.map((desk) => this.#rights(desk))]);
  }

  async #rights({ payer, bank, merchant, delegate, approver, signer, accounts, passkey }) {
    const { P, M, A } = accounts;
    const set = (wallet, name, args) => this.sender.call(wallet, ACCOUNTS, name, args);
    const [one, two] = this.currencies;
    const [pays, captures] = [0b1010, 0b1];
    await Promise.all([
      set(payer, "setDelegation", [
        P.id,
        delegate.address,
        one,
        pays,
        false,
        DELEGATED,
        PERIOD,
        FOR_EVER,
      ]),
      set(payer, "setDelegation", [
        P.id,
        delegate.address,
        two,
        pays,
        true,
        NO_LIMIT,
        PERIOD,
        FOR_EVER,
      ]),
      set(payer, "setPayee", [P.id, delegate.address, M.id, true]),
      set(payer, "addKey", [P.id, 1, signer.address, 0n]),
      set(payer, "addKey", [P.id, 2, passkey.publicKey, 0n]),
      set(merchant, "setDelegation", [
        M.id,
        delegate.address,
        one,
        captures,
        false,
        NO_LIMIT,
        PERIOD,
        FOR_EVER,
      ]),
      set(payer, "setApprover", [A.id, approver.address, true]),
      set(payer, "setApprover", [A.id, bank.address, true]),
    ]);
    // In this order: the policy is the registrar's to change once it is in force.
    for (const currency of this.currencies)
      await set(payer, "setThreshold", [A.id, currency, THRESHOLD]);
    await set(payer, "setPolicy", [A.id, 2, 600]);
  }
}

/** A P-256 key from 32 bytes: its public half, and the half that signs. */
function p256(secret) {
  const curve = createECDH("prime256v1");
  curve.setPrivateKey(Buffer.from(secret.slice(2), "hex"));
  const point = curve.getPublicKey().subarray(1);
  const [x, y] = [point.subarray(0, 32), point.subarray(32)].map((part) =>
    part.toString("base64url"),
  );
  const d = Buffer.from(secret.slice(2), "hex").toString("base64url");
  return { publicKey: toHex(point), jwk: { kty: "EC", crv: "P-256", x, y, d } };
}
