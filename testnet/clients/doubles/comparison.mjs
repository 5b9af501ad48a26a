// Sends a call to the engine and to its double and compares what came of it.

import { decodeErrorResult, decodeFunctionData, hexToBigInt, isHex, size, slice, toEventSelector } from "viem";
import { isDeepStrictEqual } from "node:util";
import { show } from "../ledger/chain.mjs";
import { abiAt, CHEATS, doubles, ERRORS } from "./places.mjs";

const DEAL_BYTES = 64;
/** Names of events by their first topics, by engine. */
const EVENTS = new Map(
  doubles().map(([address]) => {
    const events = abiAt(address).filter(({ type }) => type === "event");
    return [address, new Map(events.map((event) => [toEventSelector(event), event.name]))];
  }),
);
const DOUBLED = new Set(doubles().map(([address]) => address));

/** Events that a long run cannot do without: what they tell of lies behind several calls. */
const NEEDED = [
  ["RequestUsed", "RequestCancelled", "ParameterApplied", "ParameterCancelled", "RoleRevoked", "FaceSet"],
  ["AnswerHeld", "HoldEnded", "FeedSuspended", "Answered", "Approval", "Transfer"],
].flat();

/** What a refusal says, for people and for counting. */
function reason(output) {
  if (output === "0x") return "no data";
  try {
    return decodeErrorResult({ abi: ERRORS, data: output }).errorName;
  } catch {
    return `unknown ${output.slice(0, 10)}`;
  }
}

function named({ to, data }) {
  try {
    return decodeFunctionData({ abi: abiAt(to), data });
  } catch {
    return { functionName: "unknown", args: [data] };
  }
}

/** Logs of a receipt, of engines with a double: not of the ledger behind a currency's face, nor of the faces of feeds. */
const logs = (receipt) =>
  receipt.logs
    .map(({ address, topics, data }) => ({ address: address.toLowerCase(), topics, data }))
    .filter(({ address }) => DOUBLED.has(address));

export class Comparison {
  #twin;
  #where = "setup";
  #trail = [];
  #outcomes = new Map();
  #events = new Map();
  #counts = { calls: 0, events: 0, views: 0, balances: 0 };

  constructor(twin) {
    this.#twin = twin;
    this.now = twin.time;
  }

  async begin(where) {
    this.#where = where;
    this.#trail = [];
    this.now = this.#twin.time;
  }

  /** Nothing before this counts, and histories begin at this time. */
  settle() {
    this.#twin.time = this.now;
    this.#outcomes.clear();
    this.#events.clear();
    for (const key of Object.keys(this.#counts)) this.#counts[key] = 0;
  }

  #equal(what, [engine, double]) {
    if (isDeepStrictEqual(engine, double)) return;
    const lines = this.#trail.slice(-8).map((line) => `  ${line}\n`);
    throw new Error(
      `${this.#where}: ${what}\n engine: ${show(engine)}\n double: ${show(double)}\nlast calls:\n${lines.join("")}`,
    );
  }

  /**
   * Calls both. At a `door` only that both refuse is compared: a double is refused by Solidity, without data. Events of
   * a `quiet` call are not compared.
   */
  async attempt({ from, to, data, value, door, quiet }, time) {
    this.now = time;
    const { functionName, args = [] } = named({ to, data });
    const receipts = await this.#twin.send({ from, to, data, value }, time);
    const [first] = receipts;
    const succeeded = first.status === "0x1";
    const outcome = succeeded ? "ok" : reason(first.output);
    const what = `${functionName}(${args.map(show).join(", ")}) of ${to} by ${from} at ${time}`;
    this.#trail.push(`${what}: ${outcome}${door ? ` (${door})` : ""}`);
    this.#equal(`${what}: success`, receipts.map(({ status }) => status));
    if (door) {
      if (succeeded) throw new Error(`${this.#where}: ${what}: ${door} was accepted`);
    } else {
      const said = receipts.map(({ output }) => (succeeded ? output : `${reason(output)} ${output}`));
      this.#equal(`${what}: ${succeeded ? "answer" : "reason"}`, said);
      if (!quiet) this.#equal(`${what}: events`, receipts.map(logs));
    }
    await this.#deal(receipts[1]);
    this.#counts.calls += 1;
    for (const { address, topics } of logs(first)) {
      const name = EVENTS.get(address).get(topics[0]);
      this.#events.set(name, (this.#events.get(name) ?? 0) + 1);
    }
    this.#counts.events += logs(first).length;
    const key = `${functionName}: ${door ?? outcome}`;
    this.#outcomes.set(key, (this.#outcomes.get(key) ?? 0) + 1);
    return { succeeded, output: first.output };
  }

  /** What the double asked of Forge's cheat code: the stand-in noted whose balance changes by how much. */
  async #deal({ logs: seen }) {
    const [, double] = this.#twin.nodes;
    for (const { address, data } of seen) {
      if (address.toLowerCase() !== CHEATS) continue;
      if (!isHex(data) || size(data) !== DEAL_BYTES) throw new Error(`an unknown cheat code: ${data}`);
      const account = slice(data, 12, 32);
      const before = hexToBigInt(await double.call("eth_getBalance", account, "latest"));
      const after = BigInt.asUintN(256, before + hexToBigInt(slice(data, 32)));
      await double.call("anvil_setBalance", account, `0x${after.toString(16)}`);
    }
  }

  async views(calls) {
    const [engine, double] = await this.#twin.views(calls);
    calls.forEach((call, i) => {
      const { functionName, args = [] } = named(call);
      this.#equal(`${functionName}(${args.map(show).join(", ")}) of ${call.to}`, [engine[i], double[i]]);
    });
    this.#counts.views += calls.length;
  }

  async balances(holders) {
    for (const holder of holders) {
      this.#equal(`balance of ${holder}`, await this.#twin.both("eth_getBalance", holder, "latest"));
    }
    this.#counts.balances += holders.length;
  }

  /** Prints what was compared; in a long run each function must have succeeded and have been refused. */
  report(complete) {
    const outcomes = [...this.#outcomes].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [what, count] of outcomes) console.log(`  ${String(count).padStart(6)} ${what}`);
    for (const [name, count] of [...this.#events].sort()) {
      console.log(`  ${String(count).padStart(6)} event ${name}`);
    }
    const { calls, events, views, balances } = this.#counts;
    console.log(`${calls} calls, ${events} events, ${views} views, ${balances} balances: all agree`);
    if (!complete) return;
    const missing = NEEDED.filter((name) => !this.#events.has(name));
    if (missing.length > 0) throw new Error(`never emitted: ${missing.join(", ")}`);
    const functions = new Set(outcomes.map(([what]) => what.split(": ")[0]));
    functions.delete("unknown");
    for (const name of functions) {
      const of = outcomes.filter(([what]) => what.startsWith(`${name}: `)).map(([what]) => what);
      if (!of.includes(`${name}: ok`)) throw new Error(`${name} never succeeded`);
      if (of.length === 1) throw new Error(`${name} was never refused`);
    }
  }
}
