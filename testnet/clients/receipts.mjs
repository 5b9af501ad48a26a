// Where no engine is involved, `qenex dev` and Anvil are the same: pools and farms over plain ERC-20s live through the
// same random transactions on both. Receipts (status, gas, logs, bloom, addresses), returned data, views, coin, nonces, code and
// all storage of every contract must be identical.

import { isDeepStrictEqual, parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";
import {
  decodeFunctionResult,
  encodeDeployData,
  encodeFunctionData,
  hexToBytes,
  keccak256,
  stringToHex,
  toHex,
} from "viem";
import { artifact, run } from "./session.mjs";
import { show } from "./ledger/chain.mjs";
import { Random } from "./ledger/random.mjs";
import { Twin } from "./twin.mjs";

const { values: options } = parseArgs({
  options: {
    rpc: { type: "string", default: process.env.QENEX_RPC ?? "http://127.0.0.1:8545" },
    steps: { type: "string", default: "150" },
    seed: { type: "string", default: "1" },
  },
});
const STEPS = Number(options.steps);
const PAUSES = [1, 1, 1, 5, 60, 900, 1_800, 86_400];
const NEVER = (1n << 256n) - 1n;
/** Steps between two comparisons of all storage. */
const ROUND = 25;
/** Steps after which each of these must have succeeded and have failed. */
const COMPLETE = 1_000;
const NEEDED = [
  ["addLiquidity", "removeLiquidity", "swapExactIn", "swapExactOut", "multicall", "transfer", "skim", "observe"],
  ["createPair", "setFeeTo", "stake", "withdraw", "claim", "claimAll", "exit", "fund", "deploy"],
].flat();

const random = new Random(`receipts ${options.seed}`);
const [OWNER, ...PEOPLE] = [0, 1, 2, 3].map(
  (n) => `0x${keccak256(stringToHex(`receipts ${options.seed} account ${n}`)).slice(26)}`,
);

let twin;
let time;
const contracts = [];
const outcomes = new Map();
const counts = { transactions: 0, refused: 0, logs: 0, gas: 0n, views: 0, slots: 0 };

function equal(what, [ours, theirs]) {
  if (isDeepStrictEqual(ours, theirs)) return;
  throw new Error(`seed ${options.seed}, ${what}\n qenex: ${show(ours)}\n anvil: ${show(theirs)}`);
}

/** What must be the same of a receipt. */
const shared = ({ type, status, gasUsed, cumulativeGasUsed, effectiveGasPrice, ...rest }) => ({
  ...{ type, status, gasUsed, cumulativeGasUsed, effectiveGasPrice, from: rest.from, to: rest.to },
  contractAddress: rest.contractAddress?.toLowerCase() ?? null,
  logsBloom: rest.logsBloom,
  output: rest.output,
  logs: rest.logs.map(({ address, topics, data, logIndex }) => ({
    ...{ address: address.toLowerCase(), topics, data, logIndex },
  })),
});

/** Sends a transaction to both, and compares. */
async function send(what, transaction) {
  const receipts = (await twin.send(transaction, time)).map(shared);
  equal(`${what} at ${time}: ${show(transaction)}`, receipts);
  const [receipt] = receipts;
  const outcome = `${what}: ${receipt.status === "0x1" ? "ok" : "refused"}`;
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  counts.transactions += 1;
  counts.refused += receipt.status === "0x1" ? 0 : 1;
  counts.logs += receipt.logs.length;
  counts.gas += BigInt(receipt.gasUsed);
  return receipt;
}

/** A contract on both chains. */
class Contract {
  constructor(name, address) {
    Object.assign(this, { name, address: address.toLowerCase(), abi: artifact(name).abi });
    contracts.push(this);
  }

  static async deploy(name, ...args) {
    time += 1;
    const data = encodeDeployData({ ...artifact(name), args });
    const { status, contractAddress } = await send(`new ${name}`, { from: OWNER, data });
    if (status !== "0x1") throw new Error(`${name} was not deployed`);
    return new Contract(name, contractAddress);
  }

  encode(functionName, ...args) {
    return encodeFunctionData({ abi: this.abi, functionName, args });
  }

  send(from, functionName, ...args) {
    const data = this.encode(functionName, ...args);
    return { what: functionName, transaction: { from, to: this.address, data } };
  }

  async must(from, ...call) {
    time += 1;
    const { what, transaction } = this.send(from, ...call);
    const { status, output } = await send(what, transaction);
    if (status !== "0x1") throw new Error(`${this.name}.${what} refuses: ${output}`);
  }

  view(...call) {
    return { contract: this, name: call[0], to: this.address, data: this.encode(...call) };
  }

  async read(...call) {
    const [[data]] = await views([this.view(...call)]);
    return decodeFunctionResult({ abi: this.abi, functionName: call[0], data });
  }
}

async function views(calls) {
  const answers = await twin.views(calls);
  calls.forEach(({ contract, name }, i) => equal(`${contract.name}.${name}`, answers.map((of) => of[i])));
  counts.views += calls.length;
  return answers;
}

/** Code, nonce, coin and every slot of all contracts and people. Anvil's storage roots count slots of zero, so slots it is. */
async function states() {
  const [qenex, anvil] = twin.nodes;
  const dump = JSON.parse(gunzipSync(hexToBytes(await anvil.call("anvil_dumpState"))).toString());
  const addresses = [...contracts.map(({ address }) => address), OWNER, ...PEOPLE];
  for (const address of addresses) {
    const proofs = await twin.both("eth_getProof", address, [], "latest");
    equal(
      `the state of ${address}`,
      proofs.map(({ balance, codeHash, nonce }) => ({ balance, codeHash, nonce })),
    );
    const slots = Object.entries(dump.accounts[address].storage);
    const found = await qenex.batch(slots.map(([slot]) => ["eth_getStorageAt", address, slot, "latest"]));
    equal(`the storage of ${address}`, [found.map(BigInt), slots.map(([, value]) => BigInt(value))]);
    counts.slots += slots.length;
  }
}

const wei = (tokens) => BigInt(tokens) * 10n ** 18n;

async function deploy() {
  for (const person of [OWNER, ...PEOPLE]) {
    await twin.both("anvil_setBalance", person, toHex(wei(1_000_000)));
    await twin.both("anvil_impersonateAccount", person);
  }
  const a = await Contract.deploy("ExampleToken", OWNER);
  const b = await Contract.deploy("ExampleToken", OWNER);
  const c = await Contract.deploy("TestBitcoin", OWNER);
  const volatile = await Contract.deploy("VolatilePairDeployer");
  const stable = await Contract.deploy("StablePairDeployer");
  const factory = await Contract.deploy("PoolFactory", OWNER, volatile.address, stable.address);
  const router = await Contract.deploy("PoolRouter", factory.address);
  const twap = await Contract.deploy("TwapOracle", factory.address, 1_800, 7_200);
  const pairs = [];
  for (const [one, two, isStable] of [[a, b, false], [a, b, true], [c, a, false]]) {
    await factory.must(OWNER, "createPair", one.address, two.address, isStable);
    const address = await factory.read("getPair", one.address, two.address, isStable);
    pairs.push(Object.assign(new Contract(isStable ? "StablePair" : "VolatilePair", address), { one, two, isStable }));
  }
  const farm = await Contract.deploy("Farm", pairs[0].address, OWNER);
  for (const token of [b, c]) await farm.must(OWNER, "addReward", token.address);
  await farm.must(OWNER, "setFunder", OWNER, true);
  for (const person of PEOPLE) {
    for (const token of [a, b]) await token.must(OWNER, "transfer", person, wei(50_000_000));
    await c.must(OWNER, "transfer", person, 10n ** 13n);
  }
  for (const person of [OWNER, ...PEOPLE]) {
    for (const token of [a, b, c]) {
      await token.must(person, "approve", router.address, NEVER);
      await token.must(person, "approve", farm.address, NEVER);
    }
    for (const pair of pairs) {
      await pair.must(person, "approve", router.address, NEVER);
      await pair.must(person, "approve", farm.address, NEVER);
    }
  }
  for (const { one, two, isStable } of pairs) {
    const [amountA, amountB] = [wei(1_000_000) / (one === c ? 10n ** 10n : 1n), wei(1_100_000)];
    const limits = { minA: 0n, minB: 0n, minShares: 0n, to: OWNER, deadline: NEVER };
    const tokens = { tokenA: one.address, tokenB: two.address, stable: isStable };
    await router.must(OWNER, "addLiquidity", { ...tokens, amountA, amountB, ...limits });
  }
  for (const token of [b, c]) await farm.must(OWNER, "fund", token.address, 10n ** 12n, BigInt(time) + 8_640_000n);
  return { a, b, c, factory, router, twap, pairs, farm };
}

/** From dust to more than there is, each size as likely. */
function amount() {
  const digits = random.number(0, 27);
  return BigInt(`0x${random.bytes(12).slice(2)}`) % 10n ** BigInt(digits);
}

async function next({ a, b, c, factory, router, twap, pairs, farm }) {
  const person = random.pick(PEOPLE);
  const pair = random.pick(pairs);
  const token = random.pick([pair.one, pair.two]);
  const other = token === pair.one ? pair.two : pair.one;
  const deadline = BigInt(random.chance(95) ? time + 60 : time - 1);
  const hops = [[{ token: other.address, stable: pair.isStable }]];
  if (pair !== pairs[2]) hops.push([{ token: b.address, stable: random.chance(50) }]);
  const path = random.pick(hops);
  const sort = (one, two) => (BigInt(one.address) < BigInt(two.address) ? [one, two] : [two, one]);
  const shares = async (of) => {
    const all = await of.read("balanceOf", person);
    return random.chance(85) ? (all * random.amount(0, 100)) / 100n : all + 1n;
  };
  const deposit = () => {
    return {
      ...{ tokenA: token.address, tokenB: other.address, stable: pair.isStable, to: person, deadline },
      ...{ amountA: amount(), amountB: amount(), minA: 0n, minB: 0n, minShares: random.amount(0, 2) },
    };
  };
  const actions = {
    addLiquidity: () => router.send(person, "addLiquidity", deposit()),
    removeLiquidity: async () =>
      router.send(person, "removeLiquidity", {
        ...{ tokenA: token.address, tokenB: other.address, stable: pair.isStable, to: person, deadline },
        ...{ shares: await shares(pair), minA: random.chance(90) ? 0n : NEVER, minB: 0n },
      }),
    swapExactIn: () =>
      router.send(person, "swapExactIn", token.address, amount(), random.chance(90) ? 0n : amount(), path, person, deadline),
    swapExactOut: () =>
      router.send(person, "swapExactOut", token.address, amount(), random.chance(90) ? NEVER : amount(), path, person, deadline),
    multicall: () => {
      const calls = [1, 2].map(() =>
        router.encode("swapExactIn", token.address, amount(), 0n, path, person, deadline),
      );
      return router.send(person, "multicall", calls);
    },
    // A donation, and somebody who takes it.
    transfer: () => token.send(person, "transfer", random.pick([pair.address, ...PEOPLE]), amount()),
    skim: () => pair.send(person, "skim", random.pick([person, person, pair.address])),
    mint: () => pair.send(person, "mint", person),
    burn: async () => pair.send(person, "burn", random.pick([person, person, OWNER]), await shares(pair), person),
    swap: () => {
      const out = random.pick([[0n, 0n], [amount() % 1000n, 0n], [0n, amount()]]);
      return pair.send(person, "swap", ...out, person, "0x");
    },
    flashLoan: () => pair.send(person, "flashLoan", random.pick([person, twap.address]), token.address, amount(), "0x"),
    observe: () => twap.send(person, "observe", random.pick([pair.address, pair.address, farm.address])),
    createPair: () => {
      const [one, two] = [random.pick([a, b, c]), random.pick([a, b, c])];
      return factory.send(person, "createPair", one.address, two.address, random.chance(50));
    },
    setFeeTo: () => factory.send(random.pick([OWNER, person]), "setFeeTo", random.pick([`0x${"0".repeat(40)}`, OWNER])),
    stake: async () => farm.send(person, "stake", await shares(pairs[0]), person),
    withdraw: async () => {
      const staked = await farm.read("stakeOf", person);
      const part = random.chance(85) ? (staked * random.amount(0, 100)) / 100n : staked + 1n;
      return farm.send(person, "withdraw", part, person);
    },
    claim: () => farm.send(person, "claim", random.pick([b, c, c, a]).address, person),
    claimAll: () => farm.send(person, "claimAll", random.chance(90) ? person : `0x${"0".repeat(40)}`),
    exit: () => farm.send(person, "exit", random.chance(90) ? person : `0x${"0".repeat(40)}`),
    fund: () => {
      const finish = BigInt(time + random.pick([3_600, 86_400, 864_000, 8_640_000]));
      return farm.send(random.pick([OWNER, OWNER, person]), "fund", random.pick([b, c]).address, amount() % 10n ** 20n, finish);
    },
    recover: () => farm.send(random.pick([OWNER, person]), "recover", random.pick([a, b, pair]).address, OWNER),
    deploy: () => {
      const data = encodeDeployData({ ...artifact("Farm"), args: [random.pick([a.address, person]), OWNER] });
      return { what: "deploy", transaction: { from: OWNER, data } };
    },
  };
  const { what, transaction } = await actions[random.pick(Object.keys(actions))]();
  // Some end for want of gas, somewhere.
  const least = transaction.to ? 60_000 : 600_000;
  if (random.chance(8)) transaction.gas = toHex(least + random.number(0, 120_000));
  if (random.chance(3)) transaction.value = "0x1";
  const first = sort(pair.one, pair.two)[0];
  return {
    what,
    transaction,
    views: [
      ...[a, b, c, ...pairs].flatMap((of) => [of.view("totalSupply"), of.view("balanceOf", person)]),
      ...pairs.map((of) => of.view("getReserves")),
      pair.view("cumulativePrices"),
      pair.view("measure"),
      pair.view("getAmountOut", first.address, amount()),
      pair.view("getAmountIn", first.address, amount()),
      router.view("quoteExactIn", token.address, amount(), path),
      router.view("quoteExactOut", token.address, amount(), path),
      twap.view("consult", pair.address, token.address, amount()),
      ...[b, c].flatMap((of) => [farm.view("earned", person, of.address), farm.view("rewardState", of.address)]),
      farm.view("stakeOf", person),
    ],
  };
}

function report() {
  for (const [what, count] of [...outcomes].sort(([one], [two]) => (one < two ? -1 : 1))) {
    console.log(`  ${String(count).padStart(6)} ${what}`);
  }
  const { transactions, refused, logs, gas, views: read, slots } = counts;
  console.log(
    `${transactions} transactions (${refused} of them failed), ${logs} logs, ${gas} gas, ${read} views, ` +
      `${slots} slots: all identical`,
  );
  if (STEPS < COMPLETE) return;
  for (const kind of NEEDED) {
    for (const end of ["ok", "refused"]) {
      if (!outcomes.has(`${kind}: ${end}`)) throw new Error(`no ${kind} was ${end}`);
    }
  }
}

await run(
  "receipts beside Anvil",
  async (step) => {
    twin = await Twin.start(options.rpc);
    time = twin.time;
    const before = await twin.nodes[0].call("evm_snapshot");
    try {
      step("deployment");
      const all = await deploy();
      await states();
      step("trades, deposits, stakes");
      for (let n = 1; n <= STEPS; n += 1) {
        time += random.pick(PAUSES);
        const { what, transaction, views: calls } = await next(all);
        await send(what, transaction);
        await views(calls);
        if (n % ROUND === 0) await states();
      }
      await states();
      report();
    } finally {
      await twin.nodes[0].call("evm_revert", before);
    }
  },
  60_000 + STEPS * 500,
);
