// Formats an amount with every digit the engine sent. The less significant digits are dimmed.

import { groupDigits, plainDecimal } from "./money.js";
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
