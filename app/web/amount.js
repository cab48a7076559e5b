// An amount on the page: every digit that the engine gave, those that matter most easiest to see.

import { parts } from "./money.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";

const CLEAR = 3; // the point and two places; of less than one, all of them

export function amount(text, token) {
  if (text === null || text === undefined) return nothing;
  const [whole, fraction] = parts(String(text));
  const clear = whole === "0" ? fraction.length : CLEAR;
  const rest = fraction.slice(clear);
  return html`<span class="amount">${whole}${fraction.slice(0, clear)}${rest ? html`<span class="rest">${rest}</span>` : nothing}${token ? html` <span class="token">${token}</span>` : nothing}</span>`;
}
