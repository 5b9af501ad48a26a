// Where engines are, and their ABIs.

import { readFileSync } from "node:fs";

const contracts = new URL("../../../contracts/", import.meta.url);
const json = (path) => JSON.parse(readFileSync(new URL(path, contracts), "utf8"));
const engine = (number) => `0x5158${number.toString(16).padStart(36, "0")}`;

export const ACCOUNTS = engine(1);
export const LEDGER = engine(2);
export const COMPLIANCE = engine(3);
export const ORACLE = engine(6);
export const ACCESS = engine(8);
export const COIN = engine(10);
export const USD = "0x555344";
export const EUR = "0x455552";
export const FACE = `0x5158c0${"0".repeat(28)}${USD.slice(2)}`;
export const PRICE_FEED = `0x5158f0${"0".repeat(26)}`;
export const ZERO = `0x${"0".repeat(40)}`;
/** Where Forge's cheat codes are. */
export const CHEATS = "0x7109709ecfa91a80626ff3989d68f67f5b1dd12d";

export const ERRORS = json("interfaces/IQenexErrors.json");

const DOUBLES = {
  [ACCOUNTS]: "Accounts",
  [COMPLIANCE]: "Compliance",
  [ORACLE]: "Oracle",
  [ACCESS]: "Access",
  [COIN]: "NativeCoin",
  [FACE]: "CurrencyToken",
};
const ABIS = new Map(Object.entries(DOUBLES).map(([at, name]) => [at, json(`interfaces/I${name}.json`)]));
ABIS.set(LEDGER, json("interfaces/ILedger.json"));
const FORCED = new Map(
  Object.entries(DOUBLES).map(([at, name]) => {
    const { abi } = json(`out/${name}Double.sol/${name}Double.json`);
    return [at, abi.filter((item) => item.name?.startsWith("force"))];
  }),
);

/** The interface of the engine at an address. */
export const abiAt = (to) => ABIS.get(to);
/** The functions that only its double has. */
export const forcedAt = (to) => FORCED.get(to);
/** The addresses of engines with doubles, and their names. */
export const doubles = () => Object.entries(DOUBLES);
/** A double as Forge compiled it. */
export const compiled = (name) => json(`out/${name}Double.sol/${name}Double.json`);
