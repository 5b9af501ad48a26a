// Wallets and their transactions: signed here, handed to any of the nodes, awaited with what must come of them.

import { keccak256 } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { RpcError, encode, show, sleep } from "./chain.mjs";

/** Most that a unit of gas may cost, and the tip, wei. */
const FEES = { maxFeePerGas: 100_000_000_000n, maxPriorityFeePerGas: 100_000_000n };
/** Gas of a call, and of each of many orders in one. */
const GAS = 600_000n;
export const GAS_OF_ITEM = 350_000n;
/** After so long a transaction is handed in again, and after so many times the script gives up. */
const AGAIN_MS = 10_000;
const TIMES = 9;
/** What a node answers to a transaction that it has or that is final already. */
const THERE = /already known|nonce too low/;

/** A key, and the number of its next transaction. */
export class Wallet {
  constructor(key) {
    this.account = privateKeyToAccount(key);
    this.address = this.account.address.toLowerCase();
    this.nonce = 0;
  }
}

export class Sender {
  #nodes;
  #follower;
  #chainId;
  #random;

  constructor(nodes, follower, chainId, random) {
    this.#nodes = nodes;
    this.#follower = follower;
    this.#chainId = chainId;
    this.#random = random;
  }

  /** Starts with the number that the chain has for a wallet. */
  async use(wallet) {
    const nonce = await this.#nodes[0].call("eth_getTransactionCount", wallet.address, "latest");
    wallet.nonce = Number(nonce);
    return wallet;
  }

  /**
   * Sends a call of an engine, and waits until its block is checked. `wanted` says what must come of it:
   * nothing: it goes through; `{ refused: [names] }`: one of these errors; `{ or: [names] }`: either.
   */
  async call(wallet, to, name, args, wanted = {}, gas = GAS) {
    const what = `${name} by ${wallet.address}: ${show(args)}`;
    return this.send(wallet, { to, data: encode(to, name, args), gas }, wanted, what);
  }

  async send(wallet, request, wanted = {}, what = show(request)) {
    const nonce = wallet.nonce++;
    const draft = { ...request, ...FEES, nonce, chainId: this.#chainId, type: "eip1559" };
    const raw = await wallet.account.signTransaction(draft);
    const hash = keccak256(raw);
    const outcome = this.#follower.outcome(hash);
    outcome.catch(() => {}); // It is awaited below.
    const found = await this.#delivered(raw, hash, outcome, what);
    const names = [...(wanted.refused ?? []), ...(wanted.or ?? [])];
    const passes = found.status === "0x1" ? !wanted.refused : names.includes(found.error?.name);
    if (passes) return found;
    const expected = wanted.refused ? names.join(" or ") : ["success", ...names].join(" or ");
    const came = found.status === "0x1" ? "success" : show(found.error ?? "a refusal");
    const where = `block ${found.number}, transaction ${hash}`;
    throw new Error(`${where}: ${what}: expected ${expected}, found ${came}`);
  }

  async #delivered(raw, hash, outcome, what) {
    for (let time = 0; time < TIMES; time += 1) {
      const node = this.#random.pick(this.#nodes);
      try {
        await node.call("eth_sendRawTransaction", raw);
      } catch (error) {
        const there = error instanceof RpcError && THERE.test(error.reason);
        if (!there) throw new Error(`${what}: ${error.message}`);
      }
      const found = await Promise.race([outcome, sleep(AGAIN_MS)]);
      if (found) return found;
    }
    throw new Error(`${what}: transaction ${hash} is in no block`);
  }
}
