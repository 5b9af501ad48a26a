// What both client scripts share: options, compiled contracts, named checks, one hard deadline.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";

/** The whole script, not one step, must end within this time, unless it says another. */
const DEADLINE_MS = 60_000;
/** How long a subscription may lag behind the receipt of the same block. */
const NOTICE_MS = 10_000;
/** First account of the mnemonic "test test ... junk", which development networks prefund. */
const DEV_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

/** What the worker account is given: 1 coin. It pays for everything that follows. */
export const ALLOWANCE = 10n ** 18n;
/** Native transfer to the recipient, in wei. */
export const COINS = 123_456_789n;
/** Token transfer to the recipient, in its units. */
export const TOKENS = 1_500_000_000_000_000_000n;

/** The URLs and the funded key, from `--rpc`, `--ws`, `--key` or QENEX_RPC, QENEX_WS, QENEX_KEY. */
export function readOptions() {
  const options = {
    rpc: process.env.QENEX_RPC ?? "http://127.0.0.1:8545",
    ws: process.env.QENEX_WS,
    key: process.env.QENEX_KEY ?? DEV_KEY,
  };
  const args = process.argv.slice(2);
  while (args.length > 0) {
    const [name, inline] = args.shift().split(/=(.*)/s);
    const key = name.replace(/^--/, "");
    const value = inline ?? args.shift();
    if (!name.startsWith("--") || !(key in options) || value === undefined) {
      console.error("usage: [--rpc http://HOST:PORT] [--ws ws://HOST:PORT] [--key 0x...]");
      process.exit(2);
    }
    options[key] = value;
  }
  // HTTP and WebSocket share one port.
  options.ws ??= options.rpc.replace(/^http/, "ws");
  return options;
}

/** A contract's ABI and creation code, as Forge compiled it; `source`: the file that it is in. */
export function artifact(name, source = `${name}.sol`) {
  const file = new URL(`../../contracts/out/${source}/${name}.json`, import.meta.url);
  try {
    const { abi, bytecode } = JSON.parse(readFileSync(file, "utf8"));
    return { abi, bytecode: bytecode.object };
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
    throw new Error(`${fileURLToPath(file)} is missing: run \`bin/forge build\` in contracts/`);
  }
}

/** Stops unless both values are equal, all the way down. */
export function expectEqual(what, found, expected) {
  if (!isDeepStrictEqual(found, expected)) {
    throw new Error(`${what}: expected ${show(expected)}, found ${show(found)}`);
  }
}

/** Stops unless the condition holds. */
export function expect(what, holds) {
  if (!holds) throw new Error(what);
}

/** The error of a call that must fail. */
export async function refusalOf(what, promise) {
  let answer;
  try {
    answer = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`${what}: expected a refusal, was answered ${show(answer)}`);
}

/** Collects what a subscription brings and lets the script wait for one item of it. */
export class Inbox {
  #items = [];
  #failure;
  #wake = () => {};

  push(item) {
    this.#items.push(item);
    this.#wake();
  }

  fail(error) {
    this.#failure = error;
    this.#wake();
  }

  /** The first item, past or future, for which `matches` holds. */
  async find(what, matches) {
    const end = Date.now() + NOTICE_MS;
    for (;;) {
      if (this.#failure) throw new Error(`${what}: ${this.#failure.message ?? this.#failure}`);
      const found = this.#items.find(matches);
      if (found !== undefined) return found;
      const left = end - Date.now();
      if (left <= 0) {
        throw new Error(`${what}: not announced in ${NOTICE_MS} ms; seen ${show(this.#items)}`);
      }
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => (clearTimeout(timer), resolve());
      });
    }
  }
}

/** Runs the script, whose steps announce themselves through `step`; sets the exit code. */
export async function run(client, script, deadline = DEADLINE_MS) {
  let current = "start";
  const began = performance.now();
  const step = (name) => {
    current = name;
    console.log(`${client}: ${name}`);
  };
  const end = (message, code) => {
    (code === 0 ? console.log : console.error)(message);
    process.exit(code);
  };
  setTimeout(
    () => end(`${client}: FAILED at "${current}": not done after ${deadline} ms`, 1),
    deadline,
  );
  try {
    await script(step);
    end(`${client}: ok in ${Math.round(performance.now() - began)} ms`, 0);
  } catch (error) {
    end(`${client}: FAILED at "${current}": ${error.stack ?? error}`, 1);
  }
}

function show(value) {
  return JSON.stringify(value, (_, v) => (typeof v === "bigint" ? `${v}n` : v)) ?? String(value);
}
