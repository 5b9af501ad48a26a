// What the package exports: generated lists, and the few functions that go with them.

export * from "./abi.js";
export * from "./addresses.js";
export * from "./currency.js";
export * from "./errors.js";
export * from "./instruction.js";
export * from "./reference.js";
export * from "./refusal.js";
export * from "./signed.js";
export * from "./words.js";
