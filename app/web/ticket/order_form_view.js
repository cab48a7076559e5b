// The ticket on the page. What it does is in order_form.js.

import { amount } from "../amount.js";
import { typeName } from "../conditions.js";
import { explain } from "../messages.js";
import { dollars, typedDecimal } from "../money.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { live } from "../vendor/lit-html/directives/live.js";
import { lastOrder } from "./last_order.js";
import { fieldList, scheduleText } from "./order_fields.js";
import { ACCEPTABLE, fieldsOf, isPriceTurned, ORDER_TYPES } from "./order_types.js";
import { impactWarning, isDangerous, quoteView } from "./quote_view.js";

const MAX_LARGE = 12; // characters of an amount in large type, on a phone of 390 pixels

export function orderFormView(form) {
  const { type, tokenIn, tokenOut, amount: text, isRateTurned } = form.fields;
  const errors = form.errors();
  const risky = type === "market" && isDangerous(form.quotes.best);
  return html`
    <section class="card order-form" aria-labelledby="order-form-title">
      <form autocomplete="off" novalidate @submit=${(event) => { event.preventDefault(); form.send(); }}>
        ${header(form, type)}
        <div class="token-field">
          <label for="amount">${form.wanted !== null && type === "market" ? "You pay, found from quotes" : "You pay"}</label>
          <input id="amount" class=${text.length > MAX_LARGE ? "long" : ""} name="amount" inputmode="decimal" maxlength="39" spellcheck="false" .value=${live(text)}
            aria-invalid=${errors.has("amount")} aria-describedby="amount-error" @input=${(event) => form.set({ amount: typedDecimal(event.target.value) })}>
          ${form.picker.button("tokenIn", tokenIn)}
          ${worth(text, form.market.usd.tokenIn, form.wallet.view(tokenIn, form.decimals(tokenIn), (part) => form.set({ amount: part })))}
        </div>
        <p class="field-error" id="amount-error">${errors.get("amount") ?? nothing}</p>
        ${form.isSniper ? nothing : receive(form, type, tokenOut, errors)}
        ${fields(form, errors)}
        ${form.isSniper ? nothing : quoteView(form.quotes, {
          decimals: form.decimals(tokenOut),
          slippageBps: form.slippageBps,
          minimum: form.minimum,
          isMinimumTyped: form.wanted !== null,
          isTurned: isRateTurned,
          isOpen: form.fields.areQuotesOpen,
          onTurn: () => form.show({ isRateTurned: !isRateTurned }),
          onToggle: (isOpen) => isOpen !== form.fields.areQuotesOpen && form.show({ areQuotesOpen: isOpen }),
        })}
        ${type === "market" ? impactWarning(form.quotes.best) : nothing}
        ${problem(form, errors)}
        <button class="primary submit ${risky ? "risky" : ""}" aria-disabled=${form.isSending || form.blockedBecause !== null}>${form.isSending ? "Sending …" : form.blockedBecause ?? (type === "market" ? `Swap ${tokenIn} for ${tokenOut}${risky ? " anyway" : ""}` : `Place the ${typeName(type)} order`)}</button>
        ${lastOrder(form.orderStore.logs.get(form.placedId), form.onShow)}
      </form>
      ${form.picker.dialog(form.tokens, { tokenIn, tokenOut }, form.wallet.held)}
    </section>`;
}

function header(form, chosen) {
  const types = Object.entries(ORDER_TYPES).filter(([, { isSniper }]) => form.hasLaunches || !isSniper);
  const groups = Object.entries(Object.groupBy(types, ([, { group }]) => group));
  return html`
    <div class="order-type">
      <h2 id="order-form-title">Swap</h2>
      <label for="type" class="visually-hidden">Order type</label>
      <select id="type" aria-describedby="type-hint" @change=${(event) => form.setType(event.target.value)}>
        ${groups.map(([group, types]) => html`<optgroup label=${group}>${types.map(([value, { name }]) => html`<option value=${value} .selected=${live(value === chosen)}>${name}</option>`)}</optgroup>`)}
      </select>
      <p class="hint" id="type-hint">${(isPriceTurned(form.fields) && ORDER_TYPES[chosen].turnedExplanation) || (ORDER_TYPES[chosen].explanation ?? nothing)}</p>
    </div>`;
}

/** The amount to receive can be typed if what to pay for it can be found: from quotes, or from a limit price. */
function receive(form, type, tokenOut, errors) {
  const { wanted, atLimit, quotes } = form;
  const { best, pending } = quotes;
  const received = wanted ?? atLimit ?? best?.amountOut ?? "";
  const kind = `result ${pending && wanted === null ? "loading" : ""} ${received.length > MAX_LARGE ? "long" : ""}`;
  const label = wanted !== null || atLimit ? "You receive, at least" : type === "market" ? "You receive (estimate)" : "A swap now would bring";
  const held = form.wallet.held.get(tokenOut);
  const expected = wanted !== null && type === "market" && form.minimum !== null ? html`<span>${amount(best.amountOut)} expected now</span>` : nothing;
  return html`
    <button class="flip" type="button" aria-label="Reverse the swap" title="Reverse the swap" @click=${() => form.reverse()}>⇅</button>
    <div class="token-field">
      ${type === "market" || wanted !== null || atLimit
        ? html`<label for="receive">${label}</label>
          <input id="receive" class=${kind} inputmode="decimal" maxlength="39" spellcheck="false" placeholder="–" .value=${live(unlessTyping(received, wanted))}
            aria-invalid=${errors.has("receive")} aria-describedby="receive-error" @focus=${(event) => event.target.select()} @input=${(event) => form.set({ receive: typedDecimal(event.target.value) })}>`
        : html`<span class="label" id="receive-label">${label}</span>
          <output class=${kind} aria-labelledby="receive-label" aria-live="off">${received ? amount(received) : html`<span class="none">–</span>`}</output>`}
      ${form.picker.button("tokenOut", tokenOut)}
      ${worth(received, form.market.usd.tokenOut, html`${expected}${held === undefined ? nothing : html`<span class="held">Balance ${amount(held)}</span>`}`)}
    </div>
    <p class="field-error" id="receive-error">${errors.get("receive") ?? nothing}</p>`;
}

/** An estimate that changed under the cursor would be typed into. */
function unlessTyping(received, wanted) {
  const input = document.getElementById("receive");
  return wanted === null && input && input === document.activeElement ? input.value : received;
}

const worth = (text, usd, more = nothing) => html`<span class="hint worth">${usd && Number(text) > 0 ? `≈ ${dollars(Number(text) * usd)}` : nothing}${more}</span>`;

function fields(form, errors) {
  const { fields: names, more } = fieldsOf(form.fields);
  const values = { fields: form.fields, best: form.market.best, error: (name) => errors.get(name), set: (change) => form.set(change) };
  return html`
    ${fieldList(names, values)}
    ${more.length ? html`
      <p class="hint">${scheduleText(form.fields, form.decimals(form.fields.tokenIn))}</p>
      <details class="more" ?open=${more.some((name) => errors.has(name))}><summary>More options</summary>${fieldList(more, values)}</details>` : nothing}`;
}

/** What the engine refused, unless it is said beside a field. */
function problem(form, errors) {
  const found = form.problem;
  if (!found) return nothing;
  const acceptable = ACCEPTABLE[found.code];
  if (acceptable) {
    return html`<p class="warning-box" role="alert">${acceptable.text} <button class="link-button" type="button" @click=${() => form.accept(acceptable.field)}>Place it anyway</button></p>`;
  }
  return errors.has(undefined) || !found.errors.length ? html`<p class="error-box" role="alert">${explain(found)}</p>` : nothing;
}
