// The form that places orders of every type, with current quotes.

import { newIdempotencyKey, Problem } from "./api.js";
import { amount } from "./amount.js";
import { typeName } from "./conditions.js";
import { toBps } from "./money.js";
import { DEFAULTS, fieldError, fieldList, PRICES, scheduleText } from "./order_fields.js";
import { ACCEPTABLE, fieldAt, fieldsOf, ORDER_TYPES } from "./order_types.js";
import { load, save } from "./storage.js";
import { explain } from "./messages.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";
import { live } from "./vendor/lit-html/directives/live.js";

const DEFAULT_SLIPPAGE_BPS = 50;

export class OrderForm {
  constructor(api, quotes, market, orderStore, announce, onChange) {
    Object.assign(this, { api, quotes, market, orderStore, announce, onChange });
    this.tokens = [];
    this.isPractice = false; // until the engine has said that no money moves
    this.fields = load("order-form", { ...DEFAULTS, tokenIn: "SOL", tokenOut: "USDC", amount: "1.5" });
    if (!(this.fields.type in ORDER_TYPES)) this.fields.type = DEFAULTS.type;
    this.problem = null;
    this.tried = false; // only then is an empty field an error
    this.accepted = {}; // what the sender has accepted, of `ACCEPTABLE`
    this.sending = 0; // how many orders are being sent
  }

  async loadTokens() {
    const { tokens, practice } = await this.api.get("api/tokens");
    Object.assign(this, { tokens, isPractice: practice });
    for (const name of ["tokenIn", "tokenOut"]) {
      if (!this.#token(this.fields[name])) this.fields[name] = this.tokens.find(({ symbol }) => symbol !== this.fields.tokenIn)?.symbol;
    }
    this.#set({});
  }

  #token(symbol) {
    return this.tokens.find((token) => token.symbol === symbol);
  }

  get #isSniper() {
    return ORDER_TYPES[this.fields.type].isSniper;
  }

  /** Zero for a token that is not traded yet. */
  decimals(symbol) {
    return this.#token(symbol)?.decimals ?? 0;
  }

  #set(fields) {
    Object.assign(this.fields, fields);
    save("order-form", this.fields);
    [this.problem, this.accepted] = [null, {}];
    const { tokenIn, tokenOut, amount: text } = this.fields;
    const known = this.#token(tokenIn) && this.#token(tokenOut);
    this.market.follow(known ? { tokenIn, tokenOut } : null);
    this.quotes.request(text.trim() && known && !this.#isSniper ? { tokenIn, tokenOut, amount: text.trim() } : null);
    this.onChange();
  }

  /** The prices that were typed are those of another pair. */
  #setPair(pair) {
    this.#set({ ...Object.fromEntries(PRICES.map((name) => [name, ""])), ...pair });
  }

  /** Choosing the token of the other field swaps the two. */
  #choose(field, symbol) {
    const other = field === "tokenIn" ? "tokenOut" : "tokenIn";
    this.#setPair(this.fields[other] === symbol ? { [other]: this.fields[field], [field]: symbol } : { [field]: symbol });
  }

  #setType(type) {
    this.tried = false;
    this.#set({ type });
  }

  /** The form for a sniper that waits for this token. */
  snipe(mint) {
    this.#setType("sniper");
    this.#set({ mint });
    document.getElementById("amount").focus();
  }

  /** What is wrong with each field, in the order of the form: found here, or by the engine. */
  #errors() {
    const errors = new Map();
    if (!this.fields.amount.trim()) errors.set("amount", "Enter an amount.");
    else if (this.quotes.problem?.fieldError("amount")) errors.set("amount", this.quotes.problem.fieldError("amount"));
    const { fields, more } = fieldsOf(this.fields);
    for (const name of [...fields, ...more]) {
      const message = this.tried || this.fields[name] !== "" ? fieldError(name, this.fields[name]) : null;
      if (message) errors.set(name, message);
    }
    if (this.problem && !(this.problem.code in ACCEPTABLE)) {
      for (const { pointer, message } of this.problem.errors) errors.set(fieldAt(this.fields.type, pointer), message);
    }
    return errors;
  }

  #focusFirst(errors) {
    const [[name, message]] = errors;
    document.getElementById(name)?.focus();
    this.announce(message);
  }

  async #send(count) {
    if (this.sending) return;
    [this.tried, this.problem] = [true, null];
    const errors = this.#errors();
    this.onChange();
    if (errors.size) return this.#focusFirst(errors);
    this.sending = count;
    this.onChange();
    try {
      const placed = await (count === 1 ? this.#sendOne() : this.#sendBatch(count));
      await Promise.allSettled(placed.map((id) => this.orderStore.loadOrder(id)));
      const wanted = Math.max(count, placed.length);
      this.announce(wanted === 1 ? "The order is accepted." : `${placed.length < count ? "Only " : ""}${placed.length} orders are accepted.`);
      [this.tried, this.accepted] = [false, {}];
    } catch (error) {
      this.problem = error;
      const refused = this.#errors();
      if (refused.size) this.#focusFirst(refused);
      else this.announce(explain(error));
    }
    this.sending = 0;
    this.onChange();
  }

  /** The ids of the order, or of the orders of its group. */
  async #sendOne() {
    const { path = "api/orders/execute", body } = ORDER_TYPES[this.fields.type];
    const answer = await this.api.postWithRetries(path, body(this.fields, this.accepted), { "idempotency-key": newIdempotencyKey() });
    return (answer.orders ?? [answer]).map(({ orderId }) => orderId);
  }

  #accept(field) {
    this.accepted = { ...this.accepted, [field]: true };
    this.#send(1);
  }

  async #sendBatch(count) {
    const orders = Array.from({ length: count }, () => ({ ...ORDER_TYPES.market.body(this.fields), idempotencyKey: newIdempotencyKey() }));
    const { results } = await this.api.postWithRetries("api/orders/batch", { orders });
    const refused = results.find(({ orderId }) => !orderId);
    const accepted = results.flatMap(({ orderId }) => orderId ?? []);
    if (refused) this.problem = new Problem(refused.status, refused);
    if (!accepted.length) throw this.problem;
    return accepted;
  }

  view() {
    const { type, tokenIn, tokenOut, amount: text } = this.fields;
    const errors = this.#errors();
    return html`
      <section class="card order-form" aria-labelledby="order-form-title">
        <h2 id="order-form-title">Swap</h2>
        <form autocomplete="off" novalidate @submit=${(event) => { event.preventDefault(); this.#send(1); }}>
          ${this.#types(type)}
          <div class="token-field">
            <label for="amount">You pay</label>
            <input id="amount" name="amount" inputmode="decimal" maxlength="39" spellcheck="false" .value=${live(text)}
              aria-invalid=${errors.has("amount")} aria-describedby="amount-error"
              @input=${(event) => this.#set({ amount: event.target.value })}>
            ${this.#select("tokenIn", "Token to pay", tokenIn)}
          </div>
          <p class="field-error" id="amount-error">${errors.get("amount") ?? nothing}</p>
          ${this.#isSniper ? nothing : this.#receive(type, tokenIn, tokenOut)}
          ${this.#fields(errors)}
          ${this.#isSniper ? nothing : this.quotes.view(this.decimals(tokenOut), toBps(this.fields.slippage) ?? DEFAULT_SLIPPAGE_BPS)}
          ${this.#problem(errors)}
          <div class="submit">
            <button class="primary" aria-disabled=${this.sending > 0}>${this.sending === 1 ? "Sending …" : type === "market" ? `Swap ${tokenIn} for ${tokenOut}` : `Place the ${typeName(type)} order`}</button>
            ${type === "market" ? html`<button class="secondary" type="button" aria-disabled=${this.sending > 0} @click=${() => this.#send(5)}>${this.sending === 5 ? "Sending …" : "Send 5 at once"}</button>` : nothing}
          </div>
        </form>
      </section>`;
  }

  #receive(type, tokenIn, tokenOut) {
    const best = this.quotes.answer?.quotes.find((quote) => quote.won);
    return html`
      <button class="flip" type="button" aria-label="Reverse the swap" title="Reverse the swap"
        @click=${() => this.#setPair({ tokenIn: tokenOut, tokenOut: tokenIn })}>⇅</button>
      <div class="token-field">
        <span class="label" id="receive-label">${type === "market" ? "You receive (estimate)" : "A swap now would bring"}</span>
        <output class="result ${this.quotes.pending ? "loading" : ""}" aria-labelledby="receive-label" aria-live="off">${best ? amount(best.amountOut) : html`<span class="none">–</span>`}</output>
        ${this.#select("tokenOut", "Token to receive", tokenOut)}
      </div>`;
  }

  #types(chosen) {
    const groups = Object.entries(Object.groupBy(Object.entries(ORDER_TYPES), ([, { group }]) => group));
    return html`
      <div class="order-type">
        <label for="type">Order type</label>
        <select id="type" aria-describedby="type-hint" @change=${(event) => this.#setType(event.target.value)}>
          ${groups.map(([group, types]) => html`<optgroup label=${group}>${types.map(([value, { name }]) => html`<option value=${value} .selected=${live(value === chosen)}>${name}</option>`)}</optgroup>`)}
        </select>
        <p class="hint" id="type-hint">${ORDER_TYPES[chosen].explanation ?? nothing}</p>
      </div>`;
  }

  #fields(errors) {
    const { fields, more } = fieldsOf(this.fields);
    const form = { fields: this.fields, best: this.market.best, error: (name) => errors.get(name), set: (change) => this.#set(change) };
    return html`
      ${fieldList(fields, form)}
      ${more.length ? html`
        <p class="hint">${scheduleText(this.fields, this.decimals(this.fields.tokenIn))}</p>
        <details class="more" ?open=${more.some((name) => errors.has(name))}><summary>More options</summary>${fieldList(more, form)}</details>` : nothing}`;
  }

  /** What the engine refused, unless it is said beside a field. */
  #problem(errors) {
    const { problem } = this;
    if (!problem) return nothing;
    const acceptable = ACCEPTABLE[problem.code];
    if (acceptable) {
      return html`<p class="warning-box" role="alert">${acceptable.text} <button class="link-button" type="button" @click=${() => this.#accept(acceptable.field)}>Place it anyway</button></p>`;
    }
    return errors.has(undefined) || !problem.errors.length ? html`<p class="error-box" role="alert">${explain(problem)}</p>` : nothing;
  }

  #select(field, label, selected) {
    return html`
      <select id=${field} aria-label=${label} @change=${(event) => this.#choose(field, event.target.value)}>
        ${this.tokens.map(({ symbol, name }) => html`<option value=${symbol} title=${name} .selected=${live(symbol === selected)}>${symbol}</option>`)}
      </select>`;
  }
}
