// Exact decimals, as the API writes them: strings and BigInt, never floats.

export const DOLLARS = ["USDC", "USDT"];

/** Then prices are said as those of the token that is bought: 150 USDC for 1 SOL, not 0.006666667 SOL for 1 USDC. */
export const buysWithDollars = ({ tokenIn, tokenOut }) => DOLLARS.includes(tokenIn) && !DOLLARS.includes(tokenOut);

const DECIMAL = /^\d{1,20}(\.\d{1,18})?$/;

/** What was typed or pasted: the keyboards of many phones have a comma instead of the point, and "1,234.5" is grouped. */
export const typedDecimal = (text) => (/^\d{1,3}(,\d{3})+(\.\d*)?$/.test(text.trim()) ? text.replaceAll(",", "") : text.replace(",", ".")).trim();

/** "1.5" with 9 decimals is 1500000000n; null for text that is not a plain decimal. */
export function toUnits(text, decimals) {
  if (!DECIMAL.test(text)) return null;
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

/** `a − b`, with any number of decimals in each. */
export function subtract(a, b) {
  const decimals = Math.max(...[a, b].map((text) => (text.split(".")[1] ?? "").length));
  return toDecimal(toUnits(a, decimals) - toUnits(b, decimals), decimals);
}

/** The amount that a slippage limit guarantees. As the engine does: of few units it is rounded up, of many down. */
export function minAmountOut(amount, slippageBps, decimals) {
  const units = toUnits(amount, decimals);
  if (units === null) return null;
  const exact = units * BigInt(10_000 - slippageBps);
  return toDecimal((units > 100_000n ? exact : exact + 9_999n) / 10_000n, decimals);
}

/** An amount at a price, rounded down; null while one of them is no decimal above zero. */
export function amountAt(amount, price, decimals) {
  const [units, rate] = [toUnits(amount, 18), toUnits(price, 18)];
  return units && rate ? toDecimal((units * rate * 10n ** BigInt(decimals)) / 10n ** 36n, decimals) : null;
}

/** "0.5" percent is 50 basis points; null for text that is not a percentage up to 100. */
export function toBps(percent) {
  const units = /^\d{1,3}(\.\d{1,2})?$/.test(percent) ? Number(toUnits(percent, 2)) : null;
  return units === null || units > 10_000 ? null : units;
}

/** 50 basis points are "0.5" percent. */
export const toPercent = (bps) => toDecimal(BigInt(bps), 2);

/** A price as the API wrote it: 1.5e-7 is "0.00000015". It has at most 12 significant digits, which a double keeps. */
export function plainDecimal(value) {
  const [digits, exponent] = String(value).split("e-");
  if (exponent === undefined) return digits;
  return Number(value).toFixed(Number(exponent) + (digits.split(".")[1]?.length ?? 0));
}

/** The whole part in groups of three digits, and the fraction with its point. */
export function groupDigits(text) {
  const [whole, fraction] = text.split(".");
  return [whole.replace(/\B(?=(\d{3})+$)/g, ","), fraction === undefined ? "" : `.${fraction}`];
}

/** The first digits of a price: enough to read, and as many as a double keeps. */
export const shortPrice = (price) => plainDecimal(Number(Number(price).toPrecision(7)));

/** A value in dollars, for display only. Small prices keep their digits. */
export function dollars(value) {
  const size = Math.abs(value);
  return `${value < 0 ? "−" : ""}$${size >= 1 || size === 0 ? groupDigits(size.toFixed(2)).join("") : shortPrice(size.toPrecision(3))}`;
}

/** 1 ÷ a price, rounded up to 18 decimals: a limit price that is turned around is never worse than it was. */
export function reciprocal(price) {
  const units = toUnits(price, 18);
  return toDecimal((10n ** 36n + units - 1n) / units, 18);
}
