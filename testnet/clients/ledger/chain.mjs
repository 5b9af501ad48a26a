// The engines as the scripts see them: addresses, ABIs, storage slots, and JSON-RPC over HTTP.

import { readFileSync } from "node:fs";
import {
  concat,
  decodeErrorResult,
  decodeEventLog,
  decodeFunctionData,
  decodeFunctionResult,
  encodeFunctionData,
  hexToString,
  keccak256,
  pad,
  stringToHex,
  toEventSelector,
  toFunctionSelector,
  toHex,
} from "viem";

const engine = (number) => `0x5158${pad(toHex(number), { size: 18 }).slice(2)}`;
export const ACCOUNTS = engine(1);
export const LEDGER = engine(2);
export const COMPLIANCE = engine(3);
export const RISK = engine(4);
export const SETTLEMENT = engine(5);
export const ACCESS = engine(8);

const FACE_PREFIX = "0x5158c0";
const FACE = new RegExp(`^${FACE_PREFIX}0{28}[0-9a-f]{6}$`);

const abiOf = (name) =>
  JSON.parse(
    readFileSync(new URL(`../../../contracts/interfaces/${name}.json`, import.meta.url), "utf8"),
  );
const TOKEN = abiOf("ICurrencyToken");
const ABIS = new Map([
  [ACCOUNTS, abiOf("IAccounts")],
  [LEDGER, abiOf("ILedger")],
  [COMPLIANCE, abiOf("ICompliance")],
  [RISK, abiOf("IRisk")],
  [SETTLEMENT, abiOf("ISettlement")],
  [ACCESS, abiOf("IAccess")],
]);
const ERRORS = abiOf("IQenexErrors");

/** The three bytes of a currency's letters. */
export const code = (letters) => stringToHex(letters, { size: 3 });
/** The letters of a currency's three bytes. */
export const letters = (bytes) => hexToString(bytes);
/** Where the ERC-20 face of a currency is. */
export const faceOf = (currency) => `${FACE_PREFIX}${"0".repeat(28)}${currency.slice(2)}`;
/** The currency of a face, or undefined. */
export const currencyOf = (address) => (FACE.test(address) ? `0x${address.slice(-6)}` : undefined);
/** The interface at an address, or undefined where no engine is. */
export const abiAt = (address) => ABIS.get(address) ?? (currencyOf(address) ? TOKEN : undefined);

const index = (type, selector) =>
  new Map(
    [...ABIS.values(), TOKEN].map((abi) => [
      abi,
      new Map(abi.filter((item) => item.type === type).map((item) => [selector(item), item])),
    ]),
  );
const EVENTS = index("event", toEventSelector);
const FUNCTIONS = index("function", toFunctionSelector);

/** The first topics of all events of the engines but the faces' `Transfer`, which says nothing new. */
export const TOPICS = [...EVENTS].flatMap(([, events]) =>
  [...events].filter(([, item]) => item.name !== "Transfer").map(([topic]) => topic),
);

/** An answer that is not as it must be; `number` is the invariant's in the ledger's list. */
export class Violation extends Error {
  constructor(number, what, expected, found) {
    super(`invariant ${number}: ${what}: expected ${show(expected)}, found ${show(found)}`);
  }
}

export function show(value) {
  if (typeof value === "string") return value;
  return JSON.stringify(value, (_, v) => (typeof v === "bigint" ? v.toString() : v)) ?? `${value}`;
}

/** Addresses in small letters, so that they compare. */
export function plain(value) {
  if (typeof value === "string") return value.length === 42 ? value.toLowerCase() : value;
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

/** An engine's event as `{ address, name, args }`; undefined if no engine emitted it. */
export function decodeLog({ address, topics, data }) {
  const abi = abiAt(address);
  if (!abi) return undefined;
  const item = EVENTS.get(abi).get(topics[0]);
  if (!item) throw new Error(`the interfaces have no event ${topics[0]} of ${address}`);
  const { args } = decodeEventLog({ abi: [item], topics, data });
  return { address, name: item.name, args: plain(args) };
}

/** A call of an engine as `{ address, name, args }`, by name; undefined if it is none. */
export function decodeCall(address, data) {
  const abi = address && abiAt(address);
  const item = abi && FUNCTIONS.get(abi).get(data.slice(0, 10));
  if (!item) return undefined;
  try {
    const { args = [] } = decodeFunctionData({ abi: [item], data });
    const named = Object.fromEntries(item.inputs.map(({ name }, i) => [name, plain(args[i])]));
    return { address, name: item.name, args: named };
  } catch {
    return undefined; // Malformed: the engine refuses it too.
  }
}

/** The name of an engine's error, and its arguments as text. */
export function decodeError(data) {
  try {
    const { errorName, args = [] } = decodeErrorResult({ abi: ERRORS, data });
    return { name: errorName, args };
  } catch {
    return {
      name: data && data !== "0x" ? `unknown error ${data.slice(0, 10)}` : "no data",
      args: [],
    };
  }
}

/** Call data of an engine's function. */
export const encode = (to, functionName, args) =>
  encodeFunctionData({ abi: abiAt(to), functionName, args });

/** Whether the interface of an engine has a function. */
export const has = (to, name) => abiAt(to).some((i) => i.type === "function" && i.name === name);

// Storage of the ledger, as `precompiles/layout/layout.json` has it.
const word = (value) => pad(typeof value === "string" ? value : toHex(value), { size: 32 });
const entry = (key, slot) => keccak256(concat([key, slot]));
const byCurrency = (currency, slot) => entry(pad(currency, { dir: "right", size: 32 }), slot);
/** The slot with posted and held money of an account. */
export const balanceSlot = (account, currency) =>
  byCurrency(currency, entry(word(account), word(1)));
/** The slot with supply and cap of a currency. */
export const outstandingSlot = (currency) => word(BigInt(byCurrency(currency, word(0))) + 1n);
/** Both numbers of a word that packs two: the low one first. */
export const halves = (packed) => {
  const bits = BigInt(packed);
  return [bits & ((1n << 128n) - 1n), bits >> 128n];
};

/** The ledger's id of what an account made under a reference. */
export const idOf = (account, reference) => keccak256(concat([account, reference]));

export const quantity = (number) => `0x${number.toString(16)}`;
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What a node answered instead of a result. */
export class RpcError extends Error {
  constructor(url, method, { code, message, data }) {
    super(`${url}: ${method}: ${code} ${message}`);
    Object.assign(this, { code, reason: message, data });
  }
}

/** How long a node may be away before the script gives up, and how long one request may take. */
const PATIENCE_MS = 60_000;
const REQUEST_MS = 30_000;
/** Calls in one request. */
const BATCH = 500;

/** A node's JSON-RPC. A node that does not answer is asked again for a while: it may be restarting. */
export class Node {
  #id = 0;

  constructor(url) {
    this.url = url;
  }

  async call(method, ...params) {
    const [answer] = await this.#request([[method, ...params]]);
    return answer;
  }

  /** The results of calls `[method, ...params]`, in their order. */
  async batch(calls) {
    const results = [];
    for (let at = 0; at < calls.length; at += BATCH) {
      results.push(...(await this.#request(calls.slice(at, at + BATCH))));
    }
    return results;
  }

  /** What views of engines answer at a block, for calls `[address, function, arguments]`. */
  async views(block, calls) {
    const asked = calls.map(([to, name, args]) => [
      "eth_call",
      { to, data: encode(to, name, args) },
      quantity(block),
    ]);
    const answers = await this.batch(asked);
    return answers.map((data, i) => {
      const [to, functionName] = calls[i];
      return plain(decodeFunctionResult({ abi: abiAt(to), functionName, data }));
    });
  }

  /** What a view answers now, or the name of the error with which it reverts. */
  async probe(to, name, args) {
    try {
      const data = await this.call("eth_call", { to, data: encode(to, name, args) }, "latest");
      return { answer: plain(decodeFunctionResult({ abi: abiAt(to), functionName: name, data })) };
    } catch (error) {
      if (!(error instanceof RpcError) || error.code !== 3) throw error;
      return { error: decodeError(error.data).name };
    }
  }

  async #request(calls) {
    const body = calls.map(([method, ...params]) => ({
      jsonrpc: "2.0",
      id: ++this.#id,
      method,
      params,
    }));
    const text = JSON.stringify(body.length === 1 ? body[0] : body);
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      let failure;
      try {
        const response = await fetch(this.url, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: text,
          signal: AbortSignal.timeout(REQUEST_MS),
        });
        if (response.ok) return this.#results(calls, body, await response.json());
        failure = `HTTP status ${response.status}`;
      } catch (error) {
        if (error instanceof RpcError) throw error;
        failure = error.cause?.message ?? error.message;
      }
      if (Date.now() > end) throw new Error(`${this.url}: ${calls[0][0]}: ${failure}`);
      await sleep(200);
    }
  }

  #results(calls, body, answer) {
    const answers = new Map([answer].flat().map((item) => [item.id, item]));
    return body.map(({ id }, i) => {
      const found = answers.get(id) ?? { error: { code: 0, message: "not answered" } };
      if (found.error) throw new RpcError(this.url, calls[i][0], found.error);
      return found.result;
    });
  }
}
