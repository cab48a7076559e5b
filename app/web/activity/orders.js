// The list of orders: one row each, updated live, with details below the row that is open.

import { amount } from "../amount.js";
import { dateTime } from "../clock.js";
import { tokenName } from "../conditions.js";
import { venueIcon } from "../comparison.js";
import { download, toCsv } from "../csv.js";
import { queryOf } from "../order_filter.js";
import { MAX_ORDERS, readAll } from "../order_pages.js";
import { groupDigits } from "../money.js";
import { load, save } from "../storage.js";
import { details, summary } from "../order_details.js";
import { currentState, isCancellable, isUnfinished, routingDecision, STATUSES, statusOf } from "../order_log.js";
import { progressBar, slicesBar } from "../progress.js";
import { explain, venueName } from "../messages.js";
import { focusInstead } from "./activity.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";
import { live } from "../vendor/lit-html/directives/live.js";

const NO_FILTER = { status: "", tokenIn: "", tokenOut: "", venue: "", from: "", to: "" };
const ORDER_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const SEARCH_MS = 200;

export class Orders {
  constructor(api, orderStore, orderForm, queueStatus, announce, onChange) {
    Object.assign(this, { api, orderStore, orderForm, queueStatus, announce, onChange });
    this.orderStore.filter = load("filter", NO_FILTER);
    this.areFiltersOpen = this.#isFiltered || matchMedia("(min-width: 62rem)").matches; // folded away on a phone
    this.exported = null; // how many orders were read for the file so far
    this.cancelling = new Set();
    this.cancelErrors = new Map(); // order id: why it could not be cancelled
    this.problem = null;
  }

  get #isFiltered() {
    return this.orderStore.search !== "" || Object.values(this.orderStore.filter).some(Boolean);
  }

  #setFilter(change) {
    const filter = { ...this.orderStore.filter, ...change };
    save("filter", filter);
    this.#try(this.orderStore.loadList(filter));
  }

  #clear() {
    this.orderStore.search = "";
    this.#setFilter(NO_FILTER);
  }

  /** What is typed is searched for among the orders that were read; a whole id is read from the engine. */
  #search(text) {
    this.orderStore.search = text;
    this.onChange();
    clearTimeout(this.searching);
    const id = text.trim().toLowerCase();
    if (ORDER_ID.test(id)) this.searching = setTimeout(() => this.orderStore.open(id), SEARCH_MS);
  }

  focusSearch() {
    document.getElementById("order-search").focus();
  }

  async #export() {
    if (this.exported !== null) return;
    this.exported = 0;
    await this.#try(readAll(this.api, queryOf(this.orderStore.filter), (count) => { this.exported = count; this.onChange(); }).then((orders) => {
      download("orders.csv", toCsv(orders));
      this.announce(`${orders.length} orders are in the file${orders.length >= MAX_ORDERS ? ": the newest ones" : ""}.`);
    }));
    this.exported = null;
    this.onChange();
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
      if (hadFocus && lost) focusInstead(id);
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
      <div class="orders" aria-busy=${orderStore.loading}>
        ${this.#filters()}
        ${problem ? html`<p class="error-box" role="alert">${explain(problem)}</p>` : nothing}
        ${logs.length
          ? html`<ol class="rows">${repeat(logs, (log) => log.id, (log) => this.#row(log))}</ol>`
          : html`<p class="placeholder">${orderStore.loading ? "Loading …" : this.#isFiltered ? "No matching orders" : "No orders yet. Place one to watch its five steps: pending, routing, building, submitted, confirmed."}</p>`}
        ${orderStore.hasOlder && (logs.length || orderStore.search) ? html`${orderStore.search ? html`<p class="hint">Searched are the orders that were read so far. A whole order id finds any order.</p>` : nothing}<button class="secondary load-more" type="button" ?disabled=${orderStore.loading} @click=${() => this.#try(orderStore.loadOlder())}>Show older orders</button>` : nothing}
      </div>`;
  }

  #filters() {
    const { orderStore } = this;
    const { filter } = orderStore;
    const symbols = this.orderForm.tokens.map(({ symbol }) => [symbol, symbol]);
    const select = (name, label, all, options) => html`
      <select aria-label=${label} class=${filter[name] ? "active" : ""} @change=${(event) => this.#setFilter({ [name]: event.target.value })}>
        ${[["", all], ...options].map(([value, text]) => html`<option value=${value} .selected=${live(value === (filter[name] ?? ""))}>${text}</option>`)}
      </select>`;
    const day = (name, label) => html`<label class="day">${label} <input type="date" class=${filter[name] ? "active" : ""} .value=${live(filter[name] ?? "")} @change=${(event) => this.#setFilter({ [name]: event.target.value })}></label>`;
    return html`
      <div class="find">
        <input id="order-search" type="search" maxlength="100" spellcheck="false" autocomplete="off" aria-label="Search your orders" placeholder="Order id, transaction or label" .value=${live(orderStore.search)} @input=${(event) => this.#search(event.target.value)}>
        <button class="secondary" type="button" aria-disabled=${this.exported !== null} @click=${() => this.#export()}>${this.exported === null ? "CSV" : `Reading ${this.exported} …`}</button>
        ${orderStore.underWayCount ? html`<span class="count">${orderStore.underWayCount} under way</span>` : nothing}
      </div>
      <details class="more filter-fold" ?open=${this.areFiltersOpen} @toggle=${(event) => (this.areFiltersOpen = event.target.open)}>
        <summary>Filter</summary>
        <div class="filters" role="group" aria-label="Filter orders">
          ${select("status", "Status", "any status", STATUSES.map((status) => [status, status]))}
          ${select("tokenIn", "Token paid", "any in", symbols)}
          ${select("tokenOut", "Token received", "any out", symbols)}
          ${select("venue", "Venue", "any venue", ["raydium", "meteora"].map((venue) => [venue, venueName(venue)]))}
          ${day("from", "From")}${day("to", "To")}
          ${this.#isFiltered ? html`<button class="link-button" type="button" @click=${() => this.#clear()}>Clear</button>` : nothing}
        </div>
      </details>`;
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
        ${open ? html`<div class="details">${details(log, this.orderForm.decimals(order.tokenOut))}</div>
          ${order.amount === null ? nothing : html`<p class="actions again"><button class="secondary" type="button" title="Fills in the order form" @click=${() => this.orderForm.again(order)}>Place again</button></p>`}` : nothing}
      </li>`;
  }
}
