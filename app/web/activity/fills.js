// The swaps that were filled: what was paid and received, at which price, and where.

import { amount, price } from "../amount.js";
import { dateTime } from "../clock.js";
import { venueIcon } from "../comparison.js";
import { copyButton } from "../copying.js";
import { explain, venueName } from "../messages.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";

const PAGE_SIZE = 50;

export class Fills {
  constructor(api, orderStore, onChange) {
    Object.assign(this, { api, orderStore, onChange });
    this.read = new Map(); // order id → order, of the pages that were read
    this.limit = PAGE_SIZE; // of those that are shown
    this.cursor = null;
    this.isLoading = false;
    this.problem = null;
  }

  show() {
    this.limit = PAGE_SIZE;
    this.read.clear();
    this.#load(null);
  }

  async #load(cursor) {
    this.isLoading = true;
    this.onChange();
    try {
      const page = await this.api.get("api/orders", { status: "confirmed", limit: PAGE_SIZE, cursor });
      page.orders.forEach((order) => this.read.set(order.orderId, order));
      [this.cursor, this.problem] = [page.nextCursor, null];
    } catch (error) {
      this.problem = error;
    }
    this.isLoading = false;
    this.onChange();
  }

  #showOlder() {
    this.limit += PAGE_SIZE;
    if (this.#fills.length < this.limit && this.cursor) this.#load(this.cursor);
    this.onChange();
  }

  /** What was read, and what was filled since. */
  get #fills() {
    const oldest = [...this.read.values()].at(-1)?.createdAt ?? "";
    const since = this.orderStore.filled().filter(({ createdAt }) => this.cursor === null || createdAt >= oldest);
    const all = new Map([...this.read, ...since.map((order) => [order.orderId, order])]);
    return [...all.values()].sort((a, b) => (a.updatedAt < b.updatedAt ? 1 : -1));
  }

  view() {
    const fills = this.#fills;
    return html`
      ${this.problem ? html`<p class="error-box" role="alert">${explain(this.problem)}</p>` : nothing}
      ${fills.length
        ? html`<ol class="rows">${repeat(fills.slice(0, this.limit), ({ orderId }) => orderId, row)}</ol>`
        : html`<p class="placeholder">${this.isLoading ? "Loading …" : "No fills yet"}</p>`}
      ${this.cursor || fills.length > this.limit ? html`<button class="secondary load-more" type="button" ?disabled=${this.isLoading} @click=${() => this.#showOlder()}>Show older fills</button>` : nothing}`;
  }
}

const row = ({ orderId, updatedAt, amount: paid, tokenIn, tokenOut, amountOut, executedPrice, dex, txHash }) => html`
  <li class="fill" data-order=${orderId}>
    <time datetime=${updatedAt}>${dateTime(updatedAt)}</time>
    <span class="swap">${amount(paid, tokenIn)} <span class="arrow" aria-label="for">→</span> ${amount(amountOut, tokenOut)}</span>
    <span>${price(executedPrice, { tokenIn, tokenOut })}</span>
    <span>${dex ? html`${venueIcon(dex)}${venueName(dex)}` : nothing}${copyButton(txHash ?? orderId, "the transaction")}</span>
  </li>`;
