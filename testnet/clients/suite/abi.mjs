// What the contracts of the suite and the engines understand: which interface is at which address, calls, events, errors.

import { readFileSync } from "node:fs";
import {
  decodeErrorResult,
  decodeEventLog,
  decodeFunctionResult,
  encodeDeployData,
  encodeFunctionData,
  keccak256,
  pad,
  parseAbi,
  stringToHex,
  toEventSelector,
  toHex,
} from "viem";
import { plain } from "../ledger/chain.mjs";
import { artifact } from "../session.mjs";

const engine = (number) => `0x5158${pad(toHex(number), { size: 18 }).slice(2)}`;
export const ACCOUNTS = engine(1);
export const ORACLE = engine(6);

const COMPILED = [
  "LendingPool",
  "OracleAdapter",
  "PoolRouter",
  "PoolFactory",
  "VolatilePair",
  "StablePair",
  "Farm",
  "QXC",
  "QenexGovernor",
  "QenexTimelock",
  "ExampleToken",
];
/** Contracts of the Foundry tests, and the files they are in. */
const OF_TESTS = { BusyFlashBorrower: "LendingHandlers.sol", Effect: "GovernanceInvariants.t.sol" };
const INTERFACES = ["IAccounts", "IOracle", "ICurrencyToken", "IQenexErrors"];
const MULTICALL = parseAbi([
  "struct Call { address target; bool allowFailure; bytes callData; }",
  "struct Result { bool success; bytes returnData; }",
  "function aggregate3(Call[] calls) payable returns (Result[] results)",
  "function getEthBalance(address account) view returns (uint256)",
]);

const interfaceOf = (name) =>
  JSON.parse(
    readFileSync(new URL(`../../../contracts/interfaces/${name}.json`, import.meta.url), "utf8"),
  );
const index = (items, type, key) =>
  new Map(items.filter((item) => item.type === type).map((item) => [key(item), item]));
const selectorOf = ({ name, inputs }) =>
  keccak256(stringToHex(`${name}(${inputs.map(({ type }) => type).join()})`)).slice(0, 10);

/** Interfaces by name, and which of them is at which address. */
export class Contracts {
  #kinds = new Map();
  #at = new Map();
  #errors;

  constructor() {
    const add = (name, abi, bytecode) =>
      this.#kinds.set(name, { name, abi, bytecode, events: index(abi, "event", toEventSelector) });
    for (const name of COMPILED) {
      const { abi, bytecode } = artifact(name);
      add(name, abi, bytecode);
    }
    for (const [name, source] of Object.entries(OF_TESTS)) {
      const { abi, bytecode } = artifact(name, source);
      add(name, abi, bytecode);
    }
    for (const name of INTERFACES) add(name, interfaceOf(name));
    add("Multicall3", MULTICALL);
    const all = [...this.#kinds.values()].flatMap(({ abi }) => abi);
    this.#errors = index(all, "error", selectorOf);
    this.put("IAccounts", ACCOUNTS);
    this.put("IOracle", ORACLE);
  }

  put(kind, address) {
    if (!this.#kinds.has(kind)) throw new Error(`no interface ${kind}`);
    this.#at.set(address.toLowerCase(), this.#kinds.get(kind));
    return address.toLowerCase();
  }

  /** All addresses of an interface. */
  all(kind) {
    return [...this.#at].filter(([, { name }]) => name === kind).map(([address]) => address);
  }

  get addresses() {
    return [...this.#at.keys()];
  }

  kindAt(address) {
    return this.#at.get(address)?.name;
  }

  #abi(address) {
    const kind = this.#at.get(address);
    if (!kind) throw new Error(`no contract of the suite at ${address}`);
    return kind.abi;
  }

  encode(to, functionName, args) {
    return encodeFunctionData({ abi: this.#abi(to), functionName, args });
  }

  result(to, functionName, data) {
    return plain(decodeFunctionResult({ abi: this.#abi(to), functionName, data }));
  }

  /** Code that creates a contract. */
  creation(kind, args) {
    const { abi, bytecode } = this.#kinds.get(kind);
    return encodeDeployData({ abi, bytecode, args });
  }

  /** An event as `{ address, kind, name, args }`; undefined if it is of somebody else. */
  event({ address, topics, data }) {
    const kind = this.#at.get(address);
    const item = kind?.events.get(topics[0]);
    if (!item) return undefined;
    const { args } = decodeEventLog({ abi: [item], topics, data });
    return { address, kind: kind.name, name: item.name, args: plain(args ?? {}) };
  }

  /** The name of an error that the suite or the engines declare, with its arguments. */
  error(data) {
    if (!data || data === "0x") return { name: "no data", args: [] };
    const item = this.#errors.get(data.slice(0, 10));
    if (!item) return { name: `unknown error ${data.slice(0, 10)}`, args: [] };
    const { args = [] } = decodeErrorResult({ abi: [item], data });
    return { name: item.name, args: plain(args) };
  }
}
