// Exact decimals, as the API writes them: text and whole numbers, never a float.

const PLAIN = /^\d{1,20}(\.\d{1,18})?$/;

/** "1.5" with 9 decimals is 1500000000n; null for what is no plain decimal. */
export function toUnits(text, decimals) {
  if (!PLAIN.test(text)) return null;
  const [whole, fraction = ""] = text.split(".");
  if (fraction.length > decimals) return null;
  return BigInt(whole + fraction.padEnd(decimals, "0"));
}

/** 1500000000n with 9 decimals is "1.5". */
export function toDecimal(units, decimals) {
  const digits = (units < 0n ? -units : units).toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, "");
  return (units < 0n ? "-" : "") + whole + (fraction && `.${fraction}`);
}

/** `a − b`, whatever number of places each has. */
export function minus(a, b) {
  const places = Math.max(...[a, b].map((text) => (text.split(".")[1] ?? "").length));
  return toDecimal(toUnits(a, places) - toUnits(b, places), places);
}

/** What a slippage of so many basis points guarantees: rounded down, as the engine does. */
export function least(amount, bps, decimals) {
  const units = toUnits(amount, decimals);
  return units === null ? null : toDecimal((units * BigInt(10_000 - bps)) / 10_000n, decimals);
}

/** "0.5" per cent is 50 basis points; null for what is no such share. */
export function toBps(percent) {
  const units = /^\d{1,3}(\.\d{1,2})?$/.test(percent) ? Number(toUnits(percent, 2)) : null;
  return units === null || units > 10_000 ? null : units;
}

/** 50 basis points are "0.5" per cent. */
export const toPercent = (bps) => toDecimal(BigInt(bps), 2);

/** For the eye: the whole part in groups of three, and what follows the point. */
export function parts(text) {
  const [whole, fraction] = text.split(".");
  return [whole.replace(/\B(?=(\d{3})+$)/g, ","), fraction === undefined ? "" : `.${fraction}`];
}
