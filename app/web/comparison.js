// The venues side by side: in the ticket as it would be now, in an order as it was decided.

import { amount } from "./amount.js";
import { least, toPercent } from "./money.js";
import { venueName, why } from "./messages.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";

/** As it would be with this slippage; or, of an order, as it was: the least was `fixed` for the winner alone. */
export function comparison({ quotes, tokenIn, tokenOut, decimals, slippageBps = null, fixed = null, caption }) {
  const lowest = (quote) => {
    if (!quote.amountOut || quote.error) return nothing;
    if (slippageBps === null) return quote.won ? amount(fixed) : nothing;
    return amount(least(quote.amountOut, slippageBps, decimals));
  };
  const rows = [
    [`${slippageBps === null ? "Offered" : "You get"}, ${tokenOut}`, (quote) => amount(quote.amountOut), "strong"],
    [`At least, ${tokenOut}`, lowest],
    [`Fee, ${tokenIn}`, (quote) => amount(quote.fee)],
    ["Network fee, SOL", (quote) => amount(quote.networkFee)],
    ["Price impact", (quote) => (quote.priceImpactBps === undefined ? nothing : html`${toPercent(quote.priceImpactBps)} %`)],
    ["Way", (quote) => quote.route?.join(" → ") ?? nothing],
  ].filter(([name]) => name !== "Way" || quotes.some((quote) => quote.route?.length > 2));
  return html`
    <table class="comparison">
      <caption class="unseen">${caption}</caption>
      <thead>
        <tr>
          <td></td>
          ${quotes.map((quote) => html`<th scope="col" class=${standing(quote)}>${mark(quote.venue)}${venueName(quote.venue)}${quote.won ? html`<span class="best" role="img" aria-label=" (best)">✓</span>` : nothing}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ([name, cell, kind = ""]) => html`
            <tr class=${kind}>
              <th scope="row">${name}</th>
              ${quotes.map((quote) => html`<td class=${standing(quote)}>${cell(quote) === nothing ? html`<span class="none" aria-label="none">–</span>` : cell(quote)}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>`;
}

const standing = (quote) => (quote.won ? "won" : quote.error ? "out" : "lost");

/** The winner and the reason, as sentences. */
export const verdict = (quotes, tokenOut, past = false) => why(quotes, tokenOut, past).map((line) => html`<p class="why">${line}</p>`);

/** A venue's sign: told apart by its shape, not by its colour alone. */
export const mark = (venue) => html`<span class="mark mark-${venue === "raydium" || venue === "meteora" ? venue : "other"}" aria-hidden="true"></span>`;
