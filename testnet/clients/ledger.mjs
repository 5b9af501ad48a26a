// Checks the ledger's invariants on a running network, from public data alone, while random payments flow.
// Stops with a message and exit code 1 at the first thing that is not as it must be.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Books } from "./ledger/books.mjs";
import { Node } from "./ledger/chain.mjs";
import { Desk } from "./ledger/desk.mjs";
import { Follower } from "./ledger/follow.mjs";
import { Customers, Issuer, Limits, Officers } from "./ledger/others.mjs";
import { Random } from "./ledger/random.mjs";
import { Sender, Wallet } from "./ledger/send.mjs";
import { World, developmentGenesis } from "./ledger/world.mjs";

/** What every run must have seen, or it has shown nothing. */
const PAYMENTS = [
  "transfer",
  "face transfer",
  "allowance transfer",
  "hold",
  "partial capture",
  "capture",
  "void",
  "expiry",
  "reversal",
  "batch item",
  "refused item",
  "atomic item",
  "signed order",
  "issue",
  "redemption",
  "replay",
  "by a delegate",
  "review asked",
  "accepted",
  "rejection",
  "approval asked",
  "approval",
  "disapproval",
  "settlement leg",
  "leg settled",
  "leg released",
  "net position",
];
const REFUSALS = [
  "AccountNotActive",
  "AccountNotEmpty",
  "AlreadyApproved",
  "AmountTooLarge",
  "CorridorBlocked",
  "ERC20InsufficientAllowance",
  "ERC20InsufficientBalance",
  "Expired",
  "Frozen",
  "InstructionNotOpen",
  "InsufficientFunds",
  "InvalidExpiry",
  "InvalidReference",
  "InvalidStatus",
  "InvalidTransferStatus",
  "ItemRefused",
  "LimitExceeded",
  "MalformedCall",
  "NotAParticipant",
  "NotAuthorised",
  "NotExpired",
  "NotFrozen",
  "NothingToAffirm",
  "ReferenceConflict",
  "ReviewRequired",
  "SameAccount",
  "SecondOfficerNeeded",
  "SupplyCapExceeded",
  "TransferNotFound",
  "UnknownAccount",
  "UnknownCurrency",
  "ValueNotAccepted",
  "ZeroAmount",
  "out of gas",
];
const CHECKS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "proof"];

const USAGE = `usage: node ledger.mjs [--rpc URL[,URL...]] [--seconds N] [--seed S] [--admin 0xKEY|FILE]`;

function options() {
  const data = fileURLToPath(new URL("../../data/testnet/gateway.key", import.meta.url));
  const text = (fallback) => ({ type: "string", default: fallback });
  try {
    const { values } = parseArgs({
      options: {
        rpc: text(process.env.QENEX_RPC ?? "http://127.0.0.1:8545"),
        seconds: text("20"),
        seed: text("1"),
        admin: text(process.env.QENEX_ADMIN ?? data),
      },
    });
    const seconds = Number(values.seconds);
    if (!Number.isSafeInteger(seconds) || seconds < 1)
      throw new Error("--seconds is a number from 1 on");
    const hex = /^(0x)?[0-9a-fA-F]{64}$/;
    const given = hex.test(values.admin) ? values.admin : readFileSync(values.admin, "utf8").trim();
    if (!hex.test(given)) throw new Error(`${values.admin} holds no key`);
    const admin = given.startsWith("0x") ? given : `0x${given}`;
    return { urls: values.rpc.split(","), seconds, seed: values.seed, admin };
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    process.exit(2);
  }
}

const list = (counts, names) =>
  [...new Set([...names, ...Object.keys(counts).sort()])]
    .map((name) => `${name} ${counts[name] ?? 0}`)
    .join(", ");

/** The kinds of which there was none. */
const missing = (counts, names) => names.filter((name) => !counts[name]);

async function run({ urls, seconds, seed, admin }) {
  const began = performance.now();
  const progress = (text) => console.log(`ledger: ${text}`);
  const random = (name) => new Random(`${seed} ${name}`);
  const nodes = urls.map((url) => new Node(url));
  const chainId = Number(await nodes[0].call("eth_chainId"));
  const wallet = new Wallet(admin);
  const books = new Books(chainId, developmentGenesis(wallet.address));
  const follower = new Follower(nodes, books, random("follower"));
  progress(`history of ${urls.length} nodes, seed ${seed}`);
  await follower.begin();

  const following = follower.run();
  const working = (async () => {
    const sender = new Sender(nodes, follower, chainId, random("sender"));
    const world = new World(nodes[0], sender, wallet, chainId);
    await world.build(seed, progress);
    progress(`payments for ${seconds} s`);
    const until = performance.now() + 1000 * seconds;
    const own = (name) => new Random(`${world.run} ${name}`);
    const lane = (Kind, name) => new Kind(name, world, follower, own(name));
    const customers = [0, 1].map((i) => {
      const mine = world.dev.slice(5 * i, 5 * i + 5);
      return Object.assign(lane(Customers, `customers ${i}`), { mine });
    });
    const lanes = [
      ...world.desks.map((desk) => new Desk(desk, world, follower, own(`desk ${desk.number}`))),
      ...customers,
      lane(Issuer, "issuer"),
      lane(Officers, "officers"),
      lane(Limits, "limits"),
    ];
    await Promise.all(lanes.map((one) => one.run(() => performance.now() < until)));
    await follower.end();
  })();
  await Promise.all([following, working]);
  await follower.close();

  const { payments, refusals, checks } = books;
  const line = [
    `${follower.blocks} blocks, ${follower.transactions} transactions`,
    `payments: ${list(payments, PAYMENTS)}`,
    `refusals: ${list(refusals, REFUSALS)}`,
    `checks of invariants: ${list(checks, CHECKS)}`,
  ].join("; ");
  const none = [
    ...missing(payments, PAYMENTS),
    ...missing(refusals, REFUSALS),
    ...missing(checks, CHECKS),
  ];
  if (none.length > 0) throw new Error(`${line}; the run has none of: ${none.join(", ")}`);
  console.log(`ledger: ok in ${Math.round((performance.now() - began) / 1000)} s: ${line}`);
}

try {
  await run(options());
  process.exit(0);
} catch (error) {
  console.error(`ledger: FAILED: ${process.env.QENEX_STACK ? error.stack : error.message}`);
  process.exit(1);
}
