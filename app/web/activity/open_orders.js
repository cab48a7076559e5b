// The orders that wait: how far the price is from each, what is held, and how far orders in slices have come.

import { amount, price } from "../amount.js";
import { dateTime } from "../clock.js";
import { slicesText, tokenName, waitsFor } from "../conditions.js";
import { focusInstead } from "./activity.js";
import { explain } from "../messages.js";
import { toPercent } from "../money.js";
import { currentState, isCancellable, isOpen, statusOf } from "../order_log.js";
import { poll } from "../polling.js";
import { slicesBar } from "../progress.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";

const POLL_MS = 2_000; // while any order waits
const MAX_SHOWN = 50;
const ALL = "all";
const LEGS = ["limit", "take_profit", "stop", "trailing_stop"]; // as they are shown in a group

export class OpenOrders {
  constructor(api, orderStore, orders, amend, announce, onChange) {
    Object.assign(this, { api, orderStore, orders, amend, announce, onChange });
    this.distances = new Map(); // order id → how far its price is, in basis points
    this.unread = true; // orders from before this page was opened
    this.cancelling = new Set(); // groups, or ALL
    this.isConfirming = false; // "Cancel all" needs a second click
    this.problem = null;
  }

  start() {
    this.stop = poll(() => (this.unread || this.orderStore.waiting.length ? this.#read() : null), POLL_MS);
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

  /** A group, or ALL. Their events come by the stream; the orders of a group are read, so that it is gone at once. */
  async #cancelMany(which) {
    if (this.cancelling.has(which)) return;
    this.cancelling.add(which);
    this.problem = null;
    this.onChange();
    try {
      const { cancelled } = await this.api.post("api/orders/cancel-all", which === ALL ? {} : { groupId: which });
      this.announce(cancelled === 1 ? "1 order is cancelled." : `${cancelled} orders are cancelled.`);
      if (which !== ALL) await Promise.allSettled(this.orderStore.ofGroup(which).map(({ id }) => this.orderStore.loadOrder(id)));
      focusInstead(null);
    } catch (error) {
      this.problem = error;
      this.announce(explain(error));
    }
    this.cancelling.delete(which);
    this.isConfirming = false;
    this.onChange();
  }

  #confirm(isConfirming) {
    this.isConfirming = isConfirming;
    this.onChange();
  }

  #cancelAll(count) {
    if (count < 2 && !this.isConfirming) return nothing;
    if (!this.isConfirming) return html`<p class="actions"><button class="link-button" type="button" @click=${() => this.#confirm(true)}>Cancel all …</button></p>`;
    return html`
      <p class="info-box">Cancels every order of yours whose swap was not sent: those that wait here, and market orders that have not started.</p>
      <p class="actions"><button class="danger" type="button" aria-disabled=${this.cancelling.has(ALL)} @click=${() => this.#cancelMany(ALL)}>Cancel all orders</button>
        <button class="link-button" type="button" @click=${() => this.#confirm(false)}>Keep them</button></p>`;
  }

  view() {
    const logs = this.orderStore.waiting;
    const shown = logs.slice(0, MAX_SHOWN);
    const groups = Map.groupBy(shown, ({ id, snapshot }) => snapshot.groupId ?? id);
    return html`
      ${this.problem ? html`<p class="error-box" role="alert">${explain(this.problem)}</p>` : nothing}
      ${logs.length
        ? html`<ol class="rows open-orders">${repeat(groups, ([id]) => id, ([id, [log]]) => (log.snapshot.groupId ? this.#group(id) : this.#row(log)))}</ol>`
        : html`<p class="placeholder">No open orders. Limit, stop and DCA orders wait here for a price or a time, snipers for a launch.</p>`}
      ${logs.length > MAX_SHOWN ? html`<p class="hint">The newest ${MAX_SHOWN} of ${logs.length}</p>` : nothing}
      ${this.#cancelAll(logs.length)}`;
  }

  /** The orders of a group: those that wait, and the one that has fired meanwhile. */
  #group(groupId) {
    const legs = this.orderStore.ofGroup(groupId).sort((a, b) => LEGS.indexOf(a.snapshot.orderType) - LEGS.indexOf(b.snapshot.orderType));
    const entry = legs.find(({ snapshot }) => snapshot.orderType === "limit");
    const fired = legs.find((log) => !isOpen(log));
    const held = entry ? "held until the entry is filled" : fired ? "held while the other is executed" : null;
    return html`
      <li class="open-group" data-group=${groupId}>
        <header><b>${entry ? "Bracket" : "OCO"}</b> <span class="hint">${entry ? "once the entry is filled, one of the others is" : "one of them is filled, and cancels the other"}</span>
          <button class="secondary" type="button" aria-disabled=${this.cancelling.has(groupId)} @click=${() => this.#cancelMany(groupId)}>Cancel the group</button></header>
        <ol>${repeat(legs, ({ id }) => id, (log) => this.#row(log, { isEntry: log === entry, held: log === entry || log === fired ? null : held }))}</ol>
      </li>`;
  }

  #row(log, { isEntry = false, held = null } = {}) {
    const order = currentState(log);
    return html`
      <li class="open-order" data-order=${log.id}>
        <span class="swap">${amount(order.amount, order.tokenIn)} <span class="arrow" aria-label="for">→</span> <span class="token">${tokenName(order.tokenOut)}</span></span>
        <span class="condition">${waitsFor(order, isEntry)}${held ? html` <span class="hint">${held}</span>` : nothing}${order.expiresAt ? html` <span class="hint">until ${dateTime(order.expiresAt)}</span>` : nothing}</span>
        <span class="distance">${held ? "held" : this.#distance(log)}</span>
        <span class="row-actions">${held ? nothing : this.amend.button(log, isEntry)}<button class="secondary" type="button" aria-disabled=${this.orders.cancelling.has(log.id) || !isCancellable(log)}
          aria-label="Cancel the open order of ${order.amount} ${order.tokenIn}" @click=${() => this.orders.cancel(log.id)}>Cancel</button></span>
        ${order.slices ? slicesProgress(order) : nothing}
        ${held ? nothing : this.amend.view(log)}
        ${this.orders.cancelErrors.has(log.id) ? html`<p class="note">${this.orders.cancelErrors.get(log.id)}</p>` : nothing}
      </li>`;
  }

  #distance(log) {
    if (!isOpen(log)) return html`<b class="status ${statusOf(log)}">${statusOf(log)}</b>`;
    if (log.snapshot.schedule) return nothing;
    const distance = this.distances.get(log.id);
    return distance === undefined || distance === null ? "–" : `${toPercent(distance)} % away`;
  }
}

function slicesProgress(order) {
  const { slices, filledIn, filledOut, avgPrice, tokenIn, tokenOut } = order;
  const swapped = html`: ${amount(filledIn, tokenIn)} for ${amount(filledOut, tokenOut)}, on average ${price(avgPrice, order)}`;
  return html`<div class="slices-progress">${slicesBar(slices)}<p class="hint">${slicesText(order)}${slices.filled ? swapped : nothing}</p></div>`;
}
