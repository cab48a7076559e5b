// Formats an amount with every digit the engine sent. The less significant digits are dimmed.

import { groupDigits } from "./money.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";

const CLEAR = 3; // the point and two decimals; an amount below 1 has no dimmed digits

export function amount(text, token) {
  if (text === null || text === undefined) return nothing;
  const [whole, fraction] = groupDigits(String(text));
  const clear = whole === "0" ? fraction.length : CLEAR;
  const rest = fraction.slice(clear);
  return html`<span class="amount">${whole}${fraction.slice(0, clear)}${rest ? html`<span class="minor-digits">${rest}</span>` : nothing}${token ? html` <span class="token">${token}</span>` : nothing}</span>`;
}
