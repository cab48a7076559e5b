// The ticket: what to swap, what would come of it now, and sending it.

import { newKey, Problem } from "./api.js";
import { amount } from "./amount.js";
import { ago } from "./clock.js";
import { comparison, verdict } from "./comparison.js";
import { toBps, toPercent } from "./money.js";
import { remember, remembered } from "./storage.js";
import { explain, venueName } from "./messages.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";
import { live } from "./vendor/lit-html/directives/live.js";

const PRESETS = [10, 50, 100];
const STALE = 15_000;

export class Ticket {
  constructor(api, quotes, book, tell, changed) {
    Object.assign(this, { api, quotes, book, tell, changed });
    this.tokens = [];
    this.fields = remembered("ticket", { tokenIn: "SOL", tokenOut: "USDC", amount: "1.5", slippage: "0.5" });
    this.problem = null;
    this.sending = 0;
  }

  async open() {
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
    remember("ticket", this.fields);
    this.problem = null;
    const { tokenIn, tokenOut, amount: text } = this.fields;
    this.quotes.ask(text.trim() && this.#token(tokenIn) && this.#token(tokenOut) ? { tokenIn, tokenOut, amount: text.trim() } : null);
    this.changed();
  }

  /** A token that is on the other side already makes the two change places. */
  #choose(side, symbol) {
    const other = side === "tokenIn" ? "tokenOut" : "tokenIn";
    this.#set(this.fields[other] === symbol ? { [other]: this.fields[side], [side]: symbol } : { [side]: symbol });
  }

  get #order() {
    const { tokenIn, tokenOut, amount: text, slippage } = this.fields;
    return { tokenIn, tokenOut, amount: text.trim(), slippageBps: toBps(slippage) };
  }

  #wrong() {
    const { amount: text, slippageBps } = this.#order;
    if (!text) return ["amount", "Say how much to swap."];
    if (slippageBps === null) return ["slippage", "The slippage is a share from 0 to 100 per cent, such as 0.5."];
    const said = this.quotes.problem?.about("amount");
    return said ? ["amount", said] : null;
  }

  async #send(count) {
    const wrong = this.#wrong();
    if (wrong) {
      document.getElementById(wrong[0])?.focus();
      this.tell(wrong[1]);
      return;
    }
    if (this.sending) return;
    this.sending = count;
    this.problem = null;
    this.changed();
    try {
      const accepted = await (count === 1 ? this.#one() : this.#many(count));
      await Promise.allSettled(accepted.map((id) => this.book.log(id)));
      this.tell(count === 1 ? "The order is accepted." : `${accepted.length === count ? "" : "Only "}${accepted.length} orders are accepted.`);
    } catch (error) {
      this.problem = error;
      this.tell(explain(error));
    }
    this.sending = 0;
    this.changed();
  }

  async #one() {
    const { orderId } = await this.api.insist("api/orders/execute", this.#order, { "idempotency-key": newKey() });
    return [orderId];
  }

  async #many(count) {
    const orders = Array.from({ length: count }, () => ({ ...this.#order, idempotencyKey: newKey() }));
    const { results } = await this.api.insist("api/orders/batch", { orders });
    const refused = results.find(({ orderId }) => !orderId);
    const accepted = results.flatMap(({ orderId }) => orderId ?? []);
    if (refused) this.problem = new Problem(refused.status, refused);
    if (!accepted.length) throw this.problem;
    return accepted;
  }

  view() {
    const { tokenIn, tokenOut, amount: text, slippage } = this.fields;
    const [wrongField, wrongText] = this.#wrong() ?? [];
    const { answer } = this.quotes;
    const best = answer?.quotes.find((quote) => quote.won);
    return html`
      <section class="card ticket" aria-labelledby="ticket-title">
        <h2 id="ticket-title">Swap</h2>
        <form autocomplete="off" novalidate @submit=${(event) => { event.preventDefault(); this.#send(1); }}>
          <div class="side">
            <label for="amount">You give</label>
            <input id="amount" name="amount" inputmode="decimal" maxlength="39" spellcheck="false" .value=${live(text)}
              aria-invalid=${wrongField === "amount"} aria-describedby="amount-error"
              @input=${(event) => this.#set({ amount: event.target.value })}>
            ${this.#select("tokenIn", "Token to give", tokenIn)}
          </div>
          <p class="wrong" id="amount-error">${wrongField === "amount" ? wrongText : nothing}</p>
          <button class="turn" type="button" aria-label="Change the direction of the swap" title="Change the direction"
            @click=${() => this.#set({ tokenIn: tokenOut, tokenOut: tokenIn })}>⇅</button>
          <div class="side">
            <span class="label" id="gets">You get, about</span>
            <output class="result ${this.quotes.pending ? "waits" : ""}" aria-labelledby="gets" aria-live="off">${best ? amount(best.amountOut) : html`<span class="none">–</span>`}</output>
            ${this.#select("tokenOut", "Token to get", tokenOut)}
          </div>
          <fieldset class="slippage">
            <legend>Slippage <span class="hint">If the price gets worse by more than this, nothing is swapped.</span></legend>
            ${PRESETS.map((bps) => html`<label class="choice"><input type="radio" name="preset" .checked=${live(toBps(slippage) === bps)} @change=${() => this.#set({ slippage: toPercent(bps) })}><span>${toPercent(bps)} %</span></label>`)}
            <label class="own"><span class="unseen">Slippage in per cent</span><input id="slippage" inputmode="decimal" maxlength="6" .value=${live(slippage)}
              aria-invalid=${wrongField === "slippage"} aria-describedby="slippage-error" @input=${(event) => this.#set({ slippage: event.target.value.trim() })}> %</label>
          </fieldset>
          <p class="wrong" id="slippage-error">${wrongField === "slippage" ? wrongText : nothing}</p>
          ${this.#market(answer, tokenIn, tokenOut)}
          ${this.problem ? html`<p class="trouble" role="alert">${explain(this.problem)}</p>` : nothing}
          <div class="send">
            <button class="primary" aria-disabled=${this.sending > 0}>${this.sending === 1 ? "Sending …" : html`Swap ${tokenIn} for ${tokenOut}`}</button>
            <button class="secondary" type="button" aria-disabled=${this.sending > 0} @click=${() => this.#send(5)}>${this.sending === 5 ? "Sending …" : "Send 5 at once"}</button>
          </div>
        </form>
      </section>`;
  }

  #select(side, label, chosen) {
    return html`
      <select id=${side} aria-label=${label} @change=${(event) => this.#choose(side, event.target.value)}>
        ${this.tokens.map(({ symbol, name }) => html`<option value=${symbol} title=${name} .selected=${live(symbol === chosen)}>${symbol}</option>`)}
      </select>`;
  }

  #market(answer, tokenIn, tokenOut) {
    const { problem, pending, age } = this.quotes;
    if (problem && !answer) {
      const named = problem.about("amount");
      return html`<div class="market empty"><p>${named ? "There is no comparison for this amount." : explain(problem)}</p></div>`;
    }
    if (!answer) {
      return html`<div class="market empty"><p>${pending ? "Asking both venues …" : "Name an amount, and both venues say what they would give for it."}</p></div>`;
    }
    return html`
      <div class="market ${age > STALE || problem ? "stale" : ""}">
        <h3>${answer.dex ? html`Now best: ${venueName(answer.dex)}` : "No venue can do this swap"}
          <span class="age">${problem ? "not answering" : pending ? "asking …" : `quoted ${ago(age)}`}</span></h3>
        ${verdict(answer.quotes, tokenOut)}
        ${answer.quotes.some((quote) => quote.amountOut)
          ? comparison({ quotes: answer.quotes, tokenIn, tokenOut, decimals: this.decimals(tokenOut), slippageBps: toBps(this.fields.slippage) ?? 50, caption: `What the venues would give for ${answer.amount} ${tokenIn}` })
          : nothing}
      </div>`;
  }
}

