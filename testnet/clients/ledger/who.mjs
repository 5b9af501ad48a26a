// Who is who by the events: accounts with their standing, owners, delegates, keys, approvers, officers, limits.

import { ACCESS, ACCOUNTS, COMPLIANCE } from "./chain.mjs";

const [ACTIVE, FROZEN] = [2, 4];
const [ADMIN, REGISTRAR, COMPLIANCE_OFFICER, RISK_OFFICER] = [1, 2, 3, 4];
/** Types of accounts that the risk rules judge; the others are institutions' own books. */
const JUDGED = new Set([1, 2, 4, 7]);
export const NO_LIMIT = (1n << 128n) - 1n;
const NONE = [NO_LIMIT, NO_LIMIT, NO_LIMIT];

const account = (owner, type, status) => ({
  owner,
  type,
  status,
  /** What it was before it was frozen. */
  before: status,
  freeze: undefined,
  denied: false,
  tier: 0,
  tierUntil: 0n,
});

export class Who {
  accounts = new Map();
  #roles = new Set();
  #delegations = new Map();
  #payees = new Set();
  #keys = new Map();
  #approvers = new Set();
  #limits = new Map();
  #tierLimits = new Map();

  constructor(genesis) {
    for (const role of [ADMIN, REGISTRAR]) this.#roles.add(`${role} ${genesis.admin}`);
    for (const { id, owner, type } of genesis.accounts) {
      this.accounts.set(id, account(owner, type, ACTIVE));
    }
  }

  owner(id) {
    return this.accounts.get(id)?.owner;
  }

  denied(id) {
    return this.accounts.get(id).denied;
  }

  judged(id) {
    return JUDGED.has(this.accounts.get(id).type);
  }

  /** Status and frozen sides of an account at a time: a freeze whose time is over counts no more. */
  standing(id, time) {
    const { status, freeze, before } = this.accounts.get(id);
    if (!freeze) return { status, sides: 0 };
    if (freeze.until === 0n || time <= freeze.until) return { status, sides: freeze.sides };
    return { status: status === FROZEN ? before : status, sides: 0 };
  }

  /** The delegation that an account gave, if it covers this; the payee is undefined where none is paid. */
  delegation(id, delegate, currency, bit, payee, time) {
    const found = this.#delegations.get(`${id} ${delegate} ${currency}`);
    if (found === undefined || ((found.kinds >> bit) & 1) === 0 || time > found.validUntil) {
      return undefined;
    }
    const free = !found.listedOnly || payee === undefined;
    return free || this.#payees.has(`${id} ${delegate} ${payee}`) ? found : undefined;
  }

  /** Whether a key signs for an account at a time. */
  signs(id, key, time) {
    const found = this.#keys.get(`${id} ${key}`);
    return found !== undefined && (found.validUntil === 0n || time <= found.validUntil);
  }

  approves(id, approver) {
    return this.#approvers.has(`${id} ${approver}`);
  }

  /** Whether somebody decides on reviews. */
  decides(officer) {
    return [COMPLIANCE_OFFICER, RISK_OFFICER].some((role) => this.#roles.has(`${role} ${officer}`));
  }

  /** At once, in a day, in 30 days: the tighter of tier and account. */
  limits(id, currency, time) {
    const { tier, tierUntil } = this.accounts.get(id);
    const now = tierUntil === 0n || time <= tierUntil ? tier : 0;
    const tiers = this.#tierLimits.get(`${currency} ${now}`) ?? NONE;
    const own = this.#limits.get(`${id} ${currency}`) ?? NONE;
    return tiers.map((limit, i) => (limit < own[i] ? limit : own[i]));
  }

  /** Takes an event of the engines that know people. */
  take({ address, name, args }) {
    if (address === ACCOUNTS) this.#profile(name, args);
    else if (address === COMPLIANCE) this.#compliance(name, args);
    else if (address === ACCESS) this.#access(name, args);
  }

  #profile(name, args) {
    const known = this.accounts.get(args.account);
    const limits = () => [args.perPayment, args.perDay, args.perThirtyDays];
    switch (name) {
      case "AccountOpened": {
        const { account: id, owner, accountType, status = ACTIVE } = args;
        this.accounts.set(id, account(owner, accountType, status));
        break;
      }
      case "StatusChanged":
        if (args.current === FROZEN) known.before = args.previous;
        known.status = args.current;
        break;
      case "OwnerChanged":
        known.owner = args.current;
        break;
      case "LimitsChanged":
        this.#limits.set(`${args.account} ${args.currency}`, limits());
        break;
      case "KeyAdded":
        this.#keys.set(`${args.account} ${args.keyId}`, args);
        break;
      case "KeyRemoved":
        this.#keys.delete(`${args.account} ${args.keyId}`);
        break;
      case "DelegationChanged":
        this.#delegations.set(`${args.account} ${args.delegate} ${args.currency}`, args);
        break;
      case "PayeeSet":
        put(this.#payees, `${args.account} ${args.delegate} ${args.payee}`, args.allowed);
        break;
      case "ApproverSet":
        put(this.#approvers, `${args.account} ${args.approver}`, args.allowed);
        break;
    }
  }

  #compliance(name, args) {
    const known = this.accounts.get(args.account);
    switch (name) {
      case "AccountFrozen":
        known.freeze = { sides: args.sides, until: args.until };
        break;
      case "AccountReleased":
        known.freeze = undefined;
        break;
      case "TierChanged":
        Object.assign(known, { tier: args.tier, tierUntil: args.until });
        break;
      case "TierLimitsChanged": {
        const { perPayment, perDay, perThirtyDays } = args;
        const limits = [perPayment, perDay, perThirtyDays];
        this.#tierLimits.set(`${args.currency} ${args.tier}`, limits);
        break;
      }
      case "DenyListChanged":
        if (known) known.denied = args.listed;
        break;
    }
  }

  #access(name, { role, member }) {
    if (name === "RoleGranted") put(this.#roles, `${role} ${member}`, true);
    if (name === "RoleRevoked") put(this.#roles, `${role} ${member}`, false);
  }
}

function put(set, key, there) {
  if (there) set.add(key);
  else set.delete(key);
}
