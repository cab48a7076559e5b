// What the quotes say: the rate, a warning when the order moves the price, and what folds away: fees, minimum, both venues.

import { amount } from "../amount.js";
import { ago } from "../clock.js";
import { comparison, explanation } from "../comparison.js";
import { explain, venueName } from "../messages.js";
import { buysWithDollars, shortPrice, toPercent } from "../money.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";

const IMPACT_WARNING_BPS = 200;
const IMPACT_DANGER_BPS = 1_000;

/** `view`: {decimals, slippageBps, minimum, isMinimumTyped, isTurned, isOpen, onTurn, onToggle}. `minimum`: what the order will ask for, or null. */
export function quoteView(quotes, view) {
  const { answer, problem, pending, age, isStale } = quotes;
  if (problem && !answer) {
    return html`<div class="quotes empty"><p>${problem.fieldError("amount") ? "No quotes for this amount." : explain(problem)}</p></div>`;
  }
  if (!answer) return html`<div class="quotes empty"><p>${pending ? "Asking both venues …" : "Enter an amount to compare both venues."}</p></div>`;
  const { tokenIn, tokenOut, dex, amount: asked } = answer;
  return html`
    <div class="quotes ${isStale ? "stale" : ""}">
      <p class="rate-line">${dex ? rate(answer, view) : nothing}
        <span class="age">${problem ? "no answer" : pending ? "updating …" : `quoted ${ago(age)}`}</span></p>
      <details class="more" ?open=${view.isOpen} @toggle=${(event) => view.onToggle(event.target.open)}>
        <summary>${dex ? html`Best price: ${venueName(dex)}` : "No venue can fill this swap"}
          ${view.minimum ? html`<span class="minimum">at least ${amount(view.minimum, tokenOut)}</span>` : nothing}</summary>
        ${explanation(answer.quotes, tokenOut)}
        ${answer.quotes.some((quote) => quote.amountOut)
          ? comparison({ quotes: answer.quotes, tokenIn, tokenOut, decimals: view.decimals, slippageBps: view.slippageBps, orderMinimum: view.isMinimumTyped ? view.minimum : null, caption: `Quotes for ${asked} ${tokenIn}` })
          : nothing}
      </details>
    </div>`;
}

function rate({ tokenIn, tokenOut, price }, { isTurned, onTurn }) {
  const text = isTurned !== buysWithDollars({ tokenIn, tokenOut }) ? `1 ${tokenOut} = ${shortPrice(1 / Number(price))} ${tokenIn}` : `1 ${tokenIn} = ${shortPrice(price)} ${tokenOut}`;
  return html`<button class="link-button rate" type="button" title="Turn the rate around" @click=${onTurn}>${text} <span aria-hidden="true">⇄</span></button>`;
}

const impactOf = (quote) => quote?.priceImpactBps ?? 0;

/** So large an impact is nearly always a mistake: the button says so. */
export const isDangerous = (quote) => impactOf(quote) >= IMPACT_DANGER_BPS;

/** The order itself moves the price: from 2 % on a trader must know. */
export function impactWarning(quote) {
  const impact = impactOf(quote);
  if (impact < IMPACT_WARNING_BPS) return nothing;
  return html`<p class=${isDangerous(quote) ? "error-box" : "warning-box"} role="status"><strong>Price impact ${toPercent(impact)} %.</strong> An order of this size moves the price against you. Swap less, or in slices.</p>`;
}
