// The form for a swap, with current quotes.

import { newIdempotencyKey, Problem } from "./api.js";
import { amount } from "./amount.js";
import { ago } from "./clock.js";
import { comparison, explanation } from "./comparison.js";
import { shortPrice } from "./market.js";
import { toBps, toPercent } from "./money.js";
import { DEFAULTS, EXPLANATIONS, invalidField, lifetimes, orderBody, ORDER_TYPES, slippageField } from "./order_types.js";
import { load, save } from "./storage.js";
import { explain, venueName } from "./messages.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";
import { live } from "./vendor/lit-html/directives/live.js";

const SLIPPAGE_PRESETS_BPS = { slippage: [10, 50, 100], triggerSlippage: [100, 300, 500] };
const DEFAULT_SLIPPAGE_BPS = 50;
const STALE_MS = 15_000;

export class OrderForm {
  constructor(api, quotes, market, orderStore, announce, onChange) {
    Object.assign(this, { api, quotes, market, orderStore, announce, onChange });
    this.tokens = [];
    this.fields = load("order-form", { ...DEFAULTS, tokenIn: "SOL", tokenOut: "USDC", amount: "1.5" });
    this.problem = null;
    this.sending = 0; // how many orders are being sent
  }

  async loadTokens() {
    this.tokens = (await this.api.get("api/tokens")).tokens;
    for (const name of ["tokenIn", "tokenOut"]) {
      if (!this.#token(this.fields[name])) this.fields[name] = this.tokens.find(({ symbol }) => symbol !== this.fields.tokenIn)?.symbol;
    }
    this.#set({});
  }

  #token(symbol) {
    return this.tokens.find((token) => token.symbol === symbol);
  }

  decimals(symbol) {
    return this.#token(symbol)?.decimals ?? 0;
  }

  #set(fields) {
    Object.assign(this.fields, fields);
    save("order-form", this.fields);
    this.problem = null;
    const { tokenIn, tokenOut, amount: text } = this.fields;
    const known = this.#token(tokenIn) && this.#token(tokenOut);
    this.market.follow(known ? { tokenIn, tokenOut } : null);
    this.quotes.request(text.trim() && known ? { tokenIn, tokenOut, amount: text.trim() } : null);
    this.onChange();
  }

  /** Choosing the token of the other field swaps the two. */
  #choose(field, symbol) {
    const other = field === "tokenIn" ? "tokenOut" : "tokenIn";
    this.#set(this.fields[other] === symbol ? { [other]: this.fields[field], [field]: symbol } : { [field]: symbol });
  }

  /** [field, message] of the first invalid field; null if the order can be sent. */
  #invalid() {
    if (!this.fields.amount.trim()) return ["amount", "Enter an amount."];
    const invalid = invalidField(this.fields);
    if (invalid) return invalid;
    const message = this.quotes.problem?.fieldError("amount");
    return message ? ["amount", message] : null;
  }

  async #send(count) {
    const invalid = this.#invalid();
    if (invalid) {
      document.getElementById(invalid[0])?.focus();
      this.announce(invalid[1]);
      return;
    }
    if (this.sending) return;
    this.sending = count;
    this.problem = null;
    this.onChange();
    try {
      const accepted = await (count === 1 ? this.#sendOne() : this.#sendBatch(count));
      await Promise.allSettled(accepted.map((id) => this.orderStore.loadOrder(id)));
      this.announce(count === 1 ? "The order is accepted." : `${accepted.length === count ? "" : "Only "}${accepted.length} orders are accepted.`);
    } catch (error) {
      this.problem = error;
      this.announce(explain(error));
    }
    this.sending = 0;
    this.onChange();
  }

  async #sendOne() {
    const { orderId } = await this.api.postWithRetries("api/orders/execute", orderBody(this.fields), { "idempotency-key": newIdempotencyKey() });
    return [orderId];
  }

  async #sendBatch(count) {
    const orders = Array.from({ length: count }, () => ({ ...orderBody(this.fields), idempotencyKey: newIdempotencyKey() }));
    const { results } = await this.api.postWithRetries("api/orders/batch", { orders });
    const refused = results.find(({ orderId }) => !orderId);
    const accepted = results.flatMap(({ orderId }) => orderId ?? []);
    if (refused) this.problem = new Problem(refused.status, refused);
    if (!accepted.length) throw this.problem;
    return accepted;
  }

  view() {
    const { type, tokenIn, tokenOut, amount: text } = this.fields;
    const [invalidName, invalidText] = this.#invalid() ?? [];
    const error = (name) => html`<p class="field-error" id="${name}-error">${invalidName === name ? invalidText : nothing}</p>`;
    const { answer } = this.quotes;
    const best = answer?.quotes.find((quote) => quote.won);
    return html`
      <section class="card order-form" aria-labelledby="order-form-title">
        <h2 id="order-form-title">Swap</h2>
        <form autocomplete="off" novalidate @submit=${(event) => { event.preventDefault(); this.#send(1); }}>
          <fieldset class="order-type">
            <legend class="visually-hidden">Order type</legend>
            ${Object.entries(ORDER_TYPES).map(([value, name]) => html`<label class="choice"><input type="radio" name="type" .checked=${live(type === value)} @change=${() => this.#set({ type: value })}><span>${name}</span></label>`)}
            <p class="hint">${EXPLANATIONS[type]}</p>
          </fieldset>
          <div class="token-field">
            <label for="amount">You pay</label>
            <input id="amount" name="amount" inputmode="decimal" maxlength="39" spellcheck="false" .value=${live(text)}
              aria-invalid=${invalidName === "amount"} aria-describedby="amount-error"
              @input=${(event) => this.#set({ amount: event.target.value })}>
            ${this.#select("tokenIn", "Token to pay", tokenIn)}
          </div>
          ${error("amount")}
          <button class="flip" type="button" aria-label="Reverse the swap" title="Reverse the swap"
            @click=${() => this.#set({ tokenIn: tokenOut, tokenOut: tokenIn })}>⇅</button>
          <div class="token-field">
            <span class="label" id="receive-label">${type === "market" ? "You receive (estimate)" : "A swap now would bring"}</span>
            <output class="result ${this.quotes.pending ? "loading" : ""}" aria-labelledby="receive-label" aria-live="off">${best ? amount(best.amountOut) : html`<span class="none">–</span>`}</output>
            ${this.#select("tokenOut", "Token to receive", tokenOut)}
          </div>
          ${type === "market" ? nothing : this.#waiting(invalidName, error)}
          ${type === "limit" || (type !== "market" && this.fields.limitPrice) ? nothing : this.#slippage(invalidName, error)}
          ${this.#quotes(answer, tokenIn, tokenOut)}
          ${this.problem ? html`<p class="error-box" role="alert">${explain(this.problem)}</p>` : nothing}
          <div class="submit">
            <button class="primary" aria-disabled=${this.sending > 0}>${this.sending === 1 ? "Sending …" : type === "market" ? html`Swap ${tokenIn} for ${tokenOut}` : `Place the ${ORDER_TYPES[type].toLowerCase()} order`}</button>
            <button class="secondary" type="button" aria-disabled=${this.sending > 0} @click=${() => this.#send(5)}>${this.sending === 5 ? "Sending …" : "Send 5 at once"}</button>
          </div>
        </form>
      </section>`;
  }

  /** The fields of orders that wait. */
  #waiting(invalidName, error) {
    const { type, tokenIn, tokenOut, lifetime } = this.fields;
    const { best } = this.market;
    const price = (name, label) => html`
      <label for=${name}>${label}</label>
      <input id=${name} inputmode="decimal" maxlength="39" .value=${live(this.fields[name])} placeholder=${best ? shortPrice(best) : nothing}
        aria-invalid=${invalidName === name} aria-describedby="${name}-error" @input=${(event) => this.#set({ [name]: event.target.value.trim() })}>
      ${error(name)}`;
    return html`
      <div class="waiting-fields">
        <p class="hint">Prices are ${tokenOut} for 1 ${tokenIn}${best ? `, now ${shortPrice(best)}` : ""}.</p>
        ${type === "limit" ? price("limitPrice", "Limit price") : html`${price("triggerPrice", type === "stop" ? "Stop price" : "Target price")}${price("limitPrice", "Worst price (optional)")}`}
        <label for="lifetime">Good for</label>
        <select id="lifetime" @change=${(event) => this.#set({ lifetime: event.target.value })}>
          ${lifetimes(type).map(([value, name]) => html`<option value=${value} .selected=${live(value === lifetime)}>${name}</option>`)}
        </select>
      </div>`;
  }

  #slippage(invalidName, error) {
    const field = slippageField(this.fields.type);
    const value = this.fields[field];
    const hint = field === "slippage" ? "If the price gets worse by more than this, nothing is swapped." : "Below the price that it waits for, at most.";
    return html`
      <fieldset class="slippage">
        <legend>Slippage <span class="hint">${hint}</span></legend>
        ${SLIPPAGE_PRESETS_BPS[field].map((bps) => html`<label class="choice"><input type="radio" name="preset" .checked=${live(toBps(value) === bps)} @change=${() => this.#set({ [field]: toPercent(bps) })}><span>${toPercent(bps)} %</span></label>`)}
        <label class="custom"><span class="visually-hidden">Slippage in percent</span><input id="slippage" inputmode="decimal" maxlength="6" .value=${live(value)}
          aria-invalid=${invalidName === "slippage"} aria-describedby="slippage-error" @input=${(event) => this.#set({ [field]: event.target.value.trim() })}> %</label>
      </fieldset>
      ${error("slippage")}`;
  }

  #select(field, label, selected) {
    return html`
      <select id=${field} aria-label=${label} @change=${(event) => this.#choose(field, event.target.value)}>
        ${this.tokens.map(({ symbol, name }) => html`<option value=${symbol} title=${name} .selected=${live(symbol === selected)}>${symbol}</option>`)}
      </select>`;
  }

  #quotes(answer, tokenIn, tokenOut) {
    const { problem, pending, age } = this.quotes;
    if (problem && !answer) {
      return html`<div class="quotes empty"><p>${problem.fieldError("amount") ? "No quotes for this amount." : explain(problem)}</p></div>`;
    }
    if (!answer) {
      return html`<div class="quotes empty"><p>${pending ? "Asking both venues …" : "Enter an amount to compare both venues."}</p></div>`;
    }
    return html`
      <div class="quotes ${age > STALE_MS || problem ? "stale" : ""}">
        <h3>${answer.dex ? html`Best price: ${venueName(answer.dex)}` : "No venue can fill this swap"}
          <span class="age">${problem ? "no answer" : pending ? "updating …" : `quoted ${ago(age)}`}</span></h3>
        ${explanation(answer.quotes, tokenOut)}
        ${answer.quotes.some((quote) => quote.amountOut)
          ? comparison({ quotes: answer.quotes, tokenIn, tokenOut, decimals: this.decimals(tokenOut), slippageBps: toBps(this.fields.slippage) ?? DEFAULT_SLIPPAGE_BPS, caption: `Quotes for ${answer.amount} ${tokenIn}` })
          : nothing}
      </div>`;
  }
}

