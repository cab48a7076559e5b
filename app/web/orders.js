// The list of orders: one row each, updated live, with details below the row that is open.

import { amount } from "./amount.js";
import { dateTime } from "./clock.js";
import { tokenName } from "./conditions.js";
import { venueIcon } from "./comparison.js";
import { groupDigits } from "./money.js";
import { load, save } from "./storage.js";
import { details, summary } from "./order_details.js";
import { currentState, isCancellable, isUnfinished, routingDecision, STATUSES, statusOf } from "./order_log.js";
import { progressBar, slicesBar } from "./progress.js";
import { explain, venueName } from "./messages.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";
import { repeat } from "./vendor/lit-html/directives/repeat.js";
import { live } from "./vendor/lit-html/directives/live.js";

const NO_FILTER = { status: "", tokenIn: "", tokenOut: "", venue: "" };

export class Orders {
  constructor(api, orderStore, orderForm, queueStatus, announce, onChange) {
    Object.assign(this, { api, orderStore, orderForm, queueStatus, announce, onChange });
    this.orderStore.filter = load("filter", NO_FILTER);
    this.cancelling = new Set();
    this.cancelErrors = new Map(); // order id: why it could not be cancelled
    this.problem = null;
  }

  get #isFiltered() {
    return Object.values(this.orderStore.filter).some(Boolean);
  }

  #setFilter(change) {
    const filter = { ...this.orderStore.filter, ...change };
    save("filter", filter);
    this.#try(this.orderStore.loadList(filter));
  }

  #toggle(id) {
    this.orderStore.open(this.orderStore.openId === id ? null : id);
    history.replaceState(null, "", this.orderStore.openId ? `#${id}` : location.pathname + location.search);
  }

  async cancel(id) {
    if (this.cancelling.has(id)) return;
    const isInside = (element) => element?.closest(`[data-order="${id}"]`);
    const hadFocus = isInside(document.activeElement);
    this.cancelling.add(id);
    this.onChange();
    try {
      const { status, schedule } = await this.api.post(`api/orders/${id}/cancel`);
      this.cancelErrors.delete(id);
      const kept = schedule ? "No further slice is made." : "Nothing was swapped.";
      this.announce(status === "cancelled" ? `The order is cancelled. ${kept}` : "Its swap was sent. The order is cancelled if that does not land.");
      await this.orderStore.loadOrder(id);
      // The button goes, or is gone: its focus moves to the order's row in the list, or to the list.
      const lost = document.activeElement === document.body || isInside(document.activeElement);
      if (hadFocus && lost) (document.querySelector(`.order[data-order="${id}"] .toggle`) ?? document.getElementById("orders-title")).focus();
    } catch (error) {
      this.cancelErrors.set(id, error.code === "not_cancellable" ? error.message : explain(error));
      this.announce(this.cancelErrors.get(id));
    }
    this.cancelling.delete(id);
    this.onChange();
  }

  async #try(work) {
    this.problem = null;
    try {
      await work;
    } catch (error) {
      this.problem = error;
    }
    this.onChange();
  }

  view() {
    const { orderStore } = this;
    const logs = orderStore.visible();
    const problem = this.problem ?? orderStore.problem;
    return html`
      <section class="card orders" aria-labelledby="orders-title" aria-busy=${orderStore.loading}>
        <header class="card-header">
          <h2 id="orders-title" tabindex="-1">Orders <span class="count">${orderStore.underWayCount ? `${orderStore.underWayCount} under way` : nothing}</span></h2>
          ${this.#filters()}
        </header>
        ${problem ? html`<p class="error-box" role="alert">${explain(problem)}</p>` : nothing}
        ${logs.length
          ? html`<ol class="rows">${repeat(logs, (log) => log.id, (log) => this.#row(log))}</ol>`
          : html`<p class="placeholder">${orderStore.loading ? "Loading …" : this.#isFiltered ? "No matching orders" : "No orders yet. Place one to watch its five steps: pending, routing, building, submitted, confirmed."}</p>`}
        ${orderStore.hasOlder && logs.length ? html`<button class="secondary load-more" type="button" ?disabled=${orderStore.loading} @click=${() => this.#try(orderStore.loadOlder())}>Show older orders</button>` : nothing}
      </section>`;
  }

  #filters() {
    const { filter } = this.orderStore;
    const symbols = this.orderForm.tokens.map(({ symbol }) => [symbol, symbol]);
    const select = (name, label, all, options) => html`
      <select aria-label=${label} class=${filter[name] ? "active" : ""} @change=${(event) => this.#setFilter({ [name]: event.target.value })}>
        ${[["", all], ...options].map(([value, text]) => html`<option value=${value} .selected=${live(value === (filter[name] ?? ""))}>${text}</option>`)}
      </select>`;
    return html`
      <div class="filters" role="group" aria-label="Filter orders">
        ${select("status", "Status", "any status", STATUSES.map((status) => [status, status]))}
        ${select("tokenIn", "Token paid", "any in", symbols)}
        ${select("tokenOut", "Token received", "any out", symbols)}
        ${select("venue", "Venue", "any venue", ["raydium", "meteora"].map((venue) => [venue, venueName(venue)]))}
        ${this.#isFiltered ? html`<button class="link-button" type="button" @click=${() => this.#setFilter(NO_FILTER)}>Clear</button>` : nothing}
      </div>`;
  }

  #row(log) {
    const order = currentState(log);
    const status = statusOf(log);
    const open = this.orderStore.openId === log.id;
    const decision = isUnfinished(log) && status !== "pending" && routingDecision(log);
    const received =
      status === "confirmed" ? amount(order.amountOut, order.tokenOut)
      : order.slices?.filled ? amount(order.filledOut, order.tokenOut)
      : decision ? html`<span class="token amount">≈ ${groupDigits(decision.amountOut).join("")} ${order.tokenOut}</span>`
      : html`<span class="token">${tokenName(order.tokenOut)}</span>`;
    return html`
      <li class="order ${status} ${open ? "expanded" : ""}" data-order=${log.id} data-status=${status}>
        <div class="row">
          <button class="toggle" type="button" aria-expanded=${open} @click=${() => this.#toggle(log.id)}>
            <span class="swap">${order.amount === null ? tokenName(order.tokenIn) : amount(order.amount, order.tokenIn)} <span class="arrow" aria-label="for">→</span> ${received}</span>
            ${order.slices ? slicesBar(order.slices) : progressBar(log)}
            <span class="state"><b class="status ${status}">${status}</b> <span class="summary">${order.dex ? venueIcon(order.dex) : nothing}${summary(log, this.queueStatus)}</span></span>
            <time datetime=${order.createdAt}>${dateTime(order.createdAt)}</time>
          </button>
          ${isCancellable(log)
            ? html`<button class="cancel" type="button" aria-disabled=${this.cancelling.has(log.id)} aria-label="Cancel the order of ${order.amount ?? ""} ${order.tokenIn}" @click=${() => this.cancel(log.id)}>Cancel</button>`
            : nothing}
        </div>
        ${this.cancelErrors.has(log.id) ? html`<p class="note">${this.cancelErrors.get(log.id)}</p>` : nothing}
        ${open ? html`<div class="details">${details(log, this.orderForm.decimals(order.tokenOut))}</div>` : nothing}
      </li>`;
  }
}
