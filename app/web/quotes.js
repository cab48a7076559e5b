// Current quotes of all venues, requested while the user types. A newer request cancels the one before it.

import { ago } from "./clock.js";
import { comparison, explanation } from "./comparison.js";
import { explain, venueName } from "./messages.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";

const DEBOUNCE_MS = 180;
const REFRESH_MS = 5_000; // only while the page is in use
const IDLE_MS = 90_000;
const STALE_MS = 15_000;

export class Quotes {
  constructor(api, onChange) {
    this.api = api;
    this.onChange = onChange;
    this.swap = null; // {tokenIn, tokenOut, amount}
    this.answer = null; // the quotes for it
    this.problem = null;
    this.answeredAt = 0;
    this.pending = false;
  }

  start() {
    this.lastActivity = Date.now();
    this.listening = new AbortController();
    const options = { passive: true, signal: this.listening.signal };
    for (const type of ["pointerdown", "keydown", "pointermove"]) addEventListener(type, () => (this.lastActivity = Date.now()), options);
    this.refreshing = setInterval(() => this.#refresh(), 1_000);
  }

  stop() {
    this.listening.abort();
    clearInterval(this.refreshing);
    this.request(null);
  }

  /** Null: there is nothing to quote. */
  request(swap) {
    clearTimeout(this.timer);
    this.running?.abort();
    if (swap?.tokenIn !== this.swap?.tokenIn || swap?.tokenOut !== this.swap?.tokenOut || !swap) this.answer = null;
    this.problem = null;
    this.swap = swap;
    this.pending = swap !== null;
    if (swap) this.timer = setTimeout(() => this.#fetch(), DEBOUNCE_MS);
    this.onChange();
  }

  get age() {
    return Date.now() - this.answeredAt;
  }

  async #fetch() {
    const running = new AbortController();
    this.running = running;
    const swap = this.swap;
    try {
      const answer = await this.api.get("api/quotes", swap, { signal: running.signal });
      if (running.signal.aborted) return;
      [this.answer, this.problem, this.answeredAt] = [{ ...answer, ...swap }, null, Date.now()];
    } catch (error) {
      if (running.signal.aborted) return;
      [this.answer, this.problem, this.answeredAt] = [error.code === "unreachable" ? this.answer : null, error, Date.now()];
    }
    this.pending = false;
    this.onChange();
  }

  #refresh() {
    const unused = document.hidden || Date.now() - this.lastActivity > IDLE_MS;
    if (!this.swap || this.pending || unused || this.age < REFRESH_MS) return;
    if (this.problem && !this.problem.retryable) return;
    this.pending = true;
    this.#fetch();
  }

  view(decimals, slippageBps) {
    const { answer, problem, pending, age } = this;
    if (problem && !answer) {
      return html`<div class="quotes empty"><p>${problem.fieldError("amount") ? "No quotes for this amount." : explain(problem)}</p></div>`;
    }
    if (!answer) {
      return html`<div class="quotes empty"><p>${pending ? "Asking both venues …" : "Enter an amount to compare both venues."}</p></div>`;
    }
    const { tokenIn, tokenOut, quotes, dex } = answer;
    return html`
      <div class="quotes ${age > STALE_MS || problem ? "stale" : ""}">
        <h3>${dex ? html`Best price: ${venueName(dex)}` : "No venue can fill this swap"}
          <span class="age">${problem ? "no answer" : pending ? "updating …" : `quoted ${ago(age)}`}</span></h3>
        ${explanation(quotes, tokenOut)}
        ${quotes.some((quote) => quote.amountOut)
          ? comparison({ quotes, tokenIn, tokenOut, decimals, slippageBps, caption: `Quotes for ${answer.amount} ${tokenIn}` })
          : nothing}
      </div>`;
  }
}
