// The quotes of all venues side by side: current ones in the order form, and those of the routing decision in an order.

import { amount } from "./amount.js";
import { minAmountOut, toPercent } from "./money.js";
import { explainChoice, venueName } from "./messages.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";

/** With `slippageBps` each venue's minimum is computed, unless one was typed; an order has one `orderMinimum`, that of the winner. */
export function comparison({ quotes, tokenIn, tokenOut, decimals, slippageBps = null, orderMinimum = null, caption }) {
  const minimum = (quote) => {
    if (!quote.amountOut || quote.error) return nothing;
    if (slippageBps === null) return quote.won ? amount(orderMinimum) : nothing;
    return amount(orderMinimum ?? minAmountOut(quote.amountOut, slippageBps, decimals));
  };
  const rows = [
    [`${slippageBps === null ? "Offered" : "You receive"}, ${tokenOut}`, (quote) => amount(quote.amountOut), "strong"],
    [`Minimum, ${tokenOut}`, minimum],
    [`Fee, ${tokenIn}`, (quote) => amount(quote.fee)],
    ["Network fee, SOL", (quote) => amount(quote.networkFee)],
    ["Price impact", (quote) => (quote.priceImpactBps === undefined ? nothing : html`${toPercent(quote.priceImpactBps)} %`)],
    ["Route", (quote) => quote.route?.join(" → ") ?? nothing],
  ].filter(([name]) => name !== "Route" || quotes.some((quote) => quote.route?.length > 2));
  return html`
    <table class="comparison">
      <caption class="visually-hidden">${caption}</caption>
      <thead>
        <tr>
          <td></td>
          ${quotes.map((quote) => html`<th scope="col" class=${quoteClass(quote)}>${venueIcon(quote.venue)}${venueName(quote.venue)}${quote.won ? html`<span class="best" role="img" aria-label=" (best)">✓</span>` : nothing}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ([name, cell, kind = ""]) => html`
            <tr class=${kind}>
              <th scope="row">${name}</th>
              ${quotes.map((quote) => html`<td class=${quoteClass(quote)}>${cell(quote) === nothing ? html`<span class="none" aria-label="none">–</span>` : cell(quote)}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>`;
}

const quoteClass = (quote) => (quote.won ? "won" : quote.error ? "excluded" : "lost");

/** The winner and the reasons, one paragraph per sentence. */
export const explanation = (quotes, tokenOut, past = false) => explainChoice(quotes, tokenOut, past).map((text) => html`<p class="explanation">${text}</p>`);

/** Venues differ by shape, not by colour alone. */
export const venueIcon = (venue) => html`<span class="venue-icon venue-icon-${venue === "raydium" || venue === "meteora" ? venue : "other"}" aria-hidden="true"></span>`;
