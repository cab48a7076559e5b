// Formats an amount with every digit the engine sent. The less significant digits are dimmed.

import { buysWithDollars, groupDigits, plainDecimal, shortPrice } from "./money.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";

const CLEAR = 3; // the point and two decimals; an amount below 1 has no dimmed digits

/** An amount is a string; a price is a number. */
export function amount(value, token) {
  if (value === null || value === undefined) return nothing;
  const [whole, fraction] = groupDigits(plainDecimal(value));
  const clear = whole === "0" ? fraction.length : CLEAR;
  const rest = fraction.slice(clear);
  return html`<span class="amount">${whole}${fraction.slice(0, clear)}${rest ? html`<span class="minor-digits">${rest}</span>` : nothing}${token ? html` <span class="token">${token}</span>` : nothing}</span>`;
}

/** A price of an order, as that of the token which is bought with dollars. `unit`: with "USDC for 1 SOL". */
export function price(value, { tokenIn, tokenOut }, { unit = true } = {}) {
  if (value === null || value === undefined) return nothing;
  const [shown, of, paidIn] = buysWithDollars({ tokenIn, tokenOut }) ? [shortPrice(1 / Number(value)), tokenOut, tokenIn] : [value, tokenIn, tokenOut];
  return unit ? html`${amount(shown, paidIn)} <span class="hint">for 1 ${of}</span>` : amount(shown);
}
