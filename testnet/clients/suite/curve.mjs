// What never falls in a pair: x * y, or x^3 * y + y^3 * x at 18 decimals, as exact integers.

/** k of a pair with these reserves. */
export function curve({ stable, scale0, scale1 }, r0, r1) {
  if (!stable) return r0 * r1;
  const [x, y] = [r0 * scale0, r1 * scale1];
  return x * x * x * y + y * y * y * x;
}

/** Whether k for a share did not fall from `a` to `b`: k grows with the square of the size, or its fourth power. */
export function keeps(pair, a, b) {
  const power = pair.stable ? 4n : 2n;
  return curve(pair, b.r0, b.r1) * a.supply ** power >= curve(pair, a.r0, a.r1) * b.supply ** power;
}
