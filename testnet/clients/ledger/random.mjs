// Random numbers that a seed repeats: every lane of payments draws from its own sequence.

import { keccak256, stringToHex } from "viem";

export class Random {
  #state;

  constructor(name) {
    const hash = keccak256(stringToHex(name));
    this.#state = [0, 1, 2, 3].map((i) => Number.parseInt(hash.slice(2 + 8 * i, 10 + 8 * i), 16));
  }

  /** 32 bits (sfc32). */
  bits() {
    const [a, b, c, count] = this.#state;
    const sum = (a + b + count) | 0;
    const turned = ((c << 21) | (c >>> 11)) + sum;
    this.#state = [b ^ (b >>> 9), (c + (c << 3)) | 0, turned | 0, (count + 1) | 0];
    return sum >>> 0;
  }

  /** A whole number from `least` to `most`. */
  number(least, most) {
    return least + (this.bits() % (most - least + 1));
  }

  /** The same as a bigint: an amount. */
  amount(least, most) {
    return BigInt(this.number(least, most));
  }

  chance(percent) {
    return this.number(1, 100) <= percent;
  }

  pick(list) {
    return list[this.number(0, list.length - 1)];
  }

  shuffled(list) {
    const items = [...list];
    for (let i = items.length - 1; i > 0; i -= 1) {
      const j = this.number(0, i);
      [items[i], items[j]] = [items[j], items[i]];
    }
    return items;
  }

  /** So many bytes, in hexadecimal. */
  bytes(count) {
    let text = "";
    while (text.length < 2 * count) text += this.bits().toString(16).padStart(8, "0");
    return `0x${text.slice(0, 2 * count)}`;
  }

  /** A client reference that nobody used: sixteen bytes, the first small. */
  reference() {
    return `0x0a${this.bytes(15).slice(2)}`;
  }
}
