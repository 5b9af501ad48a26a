// Somebody who uses the whole suite.

import { Farmer } from "./people/farmer.mjs";
import { Joker } from "./people/joker.mjs";
import { Lender } from "./people/lender.mjs";
import { Someone } from "./people/someone.mjs";
import { Staker } from "./people/staker.mjs";
import { Trader } from "./people/trader.mjs";

export class Person extends Joker(Staker(Farmer(Trader(Lender(Someone))))) {}
