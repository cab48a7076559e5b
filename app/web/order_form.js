// The form for a swap, with current quotes.

import { newIdempotencyKey, Problem } from "./api.js";
import { amount } from "./amount.js";
import { ago } from "./clock.js";
import { comparison, explanation } from "./comparison.js";
import { toBps, toPercent } from "./money.js";
import { load, save } from "./storage.js";
import { explain, venueName } from "./messages.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";
import { live } from "./vendor/lit-html/directives/live.js";

const SLIPPAGE_PRESETS_BPS = [10, 50, 100];
const DEFAULT_SLIPPAGE_BPS = 50;
const STALE_MS = 15_000;

export class OrderForm {
  constructor(api, quotes, orderStore, announce, onChange) {
    Object.assign(this, { api, quotes, orderStore, announce, onChange });
    this.tokens = [];
    this.fields = load("order-form", { tokenIn: "SOL", tokenOut: "USDC", amount: "1.5", slippage: "0.5" });
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
    this.quotes.request(text.trim() && this.#token(tokenIn) && this.#token(tokenOut) ? { tokenIn, tokenOut, amount: text.trim() } : null);
    this.onChange();
  }

  /** Choosing the token of the other field swaps the two. */
  #choose(field, symbol) {
    const other = field === "tokenIn" ? "tokenOut" : "tokenIn";
    this.#set(this.fields[other] === symbol ? { [other]: this.fields[field], [field]: symbol } : { [field]: symbol });
  }

  get #order() {
    const { tokenIn, tokenOut, amount: text, slippage } = this.fields;
    return { tokenIn, tokenOut, amount: text.trim(), slippageBps: toBps(slippage) };
  }

  /** [field, message] of the first invalid field; null if the order can be sent. */
  #invalid() {
    const { amount: text, slippageBps } = this.#order;
    if (!text) return ["amount", "Enter an amount."];
    if (slippageBps === null) return ["slippage", "Enter a slippage from 0 to 100 %, such as 0.5."];
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
    const { orderId } = await this.api.postWithRetries("api/orders/execute", this.#order, { "idempotency-key": newIdempotencyKey() });
    return [orderId];
  }

  async #sendBatch(count) {
    const orders = Array.from({ length: count }, () => ({ ...this.#order, idempotencyKey: newIdempotencyKey() }));
    const { results } = await this.api.postWithRetries("api/orders/batch", { orders });
    const refused = results.find(({ orderId }) => !orderId);
    const accepted = results.flatMap(({ orderId }) => orderId ?? []);
    if (refused) this.problem = new Problem(refused.status, refused);
    if (!accepted.length) throw this.problem;
    return accepted;
  }

  view() {
    const { tokenIn, tokenOut, amount: text, slippage } = this.fields;
    const [invalidField, invalidText] = this.#invalid() ?? [];
    const { answer } = this.quotes;
    const best = answer?.quotes.find((quote) => quote.won);
    return html`
      <section class="card order-form" aria-labelledby="order-form-title">
        <h2 id="order-form-title">Swap</h2>
        <form autocomplete="off" novalidate @submit=${(event) => { event.preventDefault(); this.#send(1); }}>
          <div class="token-field">
            <label for="amount">You pay</label>
            <input id="amount" name="amount" inputmode="decimal" maxlength="39" spellcheck="false" .value=${live(text)}
              aria-invalid=${invalidField === "amount"} aria-describedby="amount-error"
              @input=${(event) => this.#set({ amount: event.target.value })}>
            ${this.#select("tokenIn", "Token to pay", tokenIn)}
          </div>
          <p class="field-error" id="amount-error">${invalidField === "amount" ? invalidText : nothing}</p>
          <button class="flip" type="button" aria-label="Reverse the swap" title="Reverse the swap"
            @click=${() => this.#set({ tokenIn: tokenOut, tokenOut: tokenIn })}>⇅</button>
          <div class="token-field">
            <span class="label" id="receive-label">You receive (estimate)</span>
            <output class="result ${this.quotes.pending ? "loading" : ""}" aria-labelledby="receive-label" aria-live="off">${best ? amount(best.amountOut) : html`<span class="none">–</span>`}</output>
            ${this.#select("tokenOut", "Token to receive", tokenOut)}
          </div>
          <fieldset class="slippage">
            <legend>Slippage <span class="hint">If the price gets worse by more than this, nothing is swapped.</span></legend>
            ${SLIPPAGE_PRESETS_BPS.map((bps) => html`<label class="choice"><input type="radio" name="preset" .checked=${live(toBps(slippage) === bps)} @change=${() => this.#set({ slippage: toPercent(bps) })}><span>${toPercent(bps)} %</span></label>`)}
            <label class="custom"><span class="visually-hidden">Slippage in percent</span><input id="slippage" inputmode="decimal" maxlength="6" .value=${live(slippage)}
              aria-invalid=${invalidField === "slippage"} aria-describedby="slippage-error" @input=${(event) => this.#set({ slippage: event.target.value.trim() })}> %</label>
          </fieldset>
          <p class="field-error" id="slippage-error">${invalidField === "slippage" ? invalidText : nothing}</p>
          ${this.#quotes(answer, tokenIn, tokenOut)}
          ${this.problem ? html`<p class="error-box" role="alert">${explain(this.problem)}</p>` : nothing}
          <div class="submit">
            <button class="primary" aria-disabled=${this.sending > 0}>${this.sending === 1 ? "Sending …" : html`Swap ${tokenIn} for ${tokenOut}`}</button>
            <button class="secondary" type="button" aria-disabled=${this.sending > 0} @click=${() => this.#send(5)}>${this.sending === 5 ? "Sending …" : "Send 5 at once"}</button>
          </div>
        </form>
      </section>`;
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

