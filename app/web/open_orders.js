// The orders that wait for a price, and how far the price is from each.

import { amount } from "./amount.js";
import { dateTime } from "./clock.js";
import { toPercent } from "./money.js";
import { currentState, isCancellable } from "./order_log.js";
import { waitsFor } from "./order_types.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";
import { repeat } from "./vendor/lit-html/directives/repeat.js";

const POLL_MS = 2_000; // while any order waits
const MAX_SHOWN = 50;

export class OpenOrders {
  constructor(api, orderStore, orders, onChange) {
    Object.assign(this, { api, orderStore, orders, onChange });
    this.distances = new Map(); // order id → how far its price is, in basis points
    this.unread = true; // orders from before this page was opened
  }

  start() {
    const poll = async () => {
      if (!document.hidden && (this.unread || this.orderStore.waiting.length)) await this.#read();
      if (!this.stopped) this.timer = setTimeout(poll, POLL_MS);
    };
    poll();
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  async #read() {
    try {
      const { orders } = await this.api.get("api/orders", { status: "open", limit: MAX_SHOWN });
      this.distances = new Map(orders.map((order) => [order.orderId, order.trigger?.distanceBps]));
      this.orderStore.learn(orders);
      this.unread = false;
    } catch {
      this.distances.clear(); // an old distance would mislead
    }
    this.onChange();
  }

  view() {
    const logs = this.orderStore.waiting;
    if (!logs.length) return nothing;
    return html`
      <section class="card open-orders" aria-labelledby="open-orders-title">
        <header class="card-header">
          <h2 id="open-orders-title">Open orders <span class="count">${logs.length > MAX_SHOWN ? `the newest ${MAX_SHOWN}` : logs.length}</span></h2>
          <span class="hint">They wait for their price.</span>
        </header>
        <ol class="rows">${repeat(logs.slice(0, MAX_SHOWN), (log) => log.id, (log) => this.#row(log))}</ol>
      </section>`;
  }

  #row(log) {
    const order = currentState(log);
    const distance = this.distances.get(log.id);
    return html`
      <li class="open-order" data-order=${log.id}>
        <span class="swap">${amount(order.amount, order.tokenIn)} <span class="arrow" aria-label="for">→</span> <span class="token">${order.tokenOut}</span></span>
        <span>${waitsFor(order)}${order.expiresAt ? html` <span class="hint">until ${dateTime(order.expiresAt)}</span>` : nothing}</span>
        <span class="distance">${distance === undefined || distance === null ? "–" : `${toPercent(distance)} % away`}</span>
        <button class="secondary" type="button" aria-disabled=${this.orders.cancelling.has(log.id) || !isCancellable(log)}
          aria-label="Cancel the open order of ${order.amount} ${order.tokenIn}" @click=${() => this.orders.cancel(log.id)}>Cancel</button>
        ${this.orders.cancelErrors.has(log.id) ? html`<p class="note">${this.orders.cancelErrors.get(log.id)}</p>` : nothing}
      </li>`;
  }
}
