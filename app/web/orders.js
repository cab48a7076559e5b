// The list of orders: each a row that moves as its order does, and opens to tell all of it.

import { amount } from "./amount.js";
import { moment } from "./clock.js";
import { mark } from "./comparison.js";
import { parts } from "./money.js";
import { remember, remembered } from "./storage.js";
import { details, inShort } from "./order_details.js";
import { decision, isAlive, isCancellable, standing, STATUSES, statusOf } from "./order_log.js";
import { track } from "./progress.js";
import { explain, venueName } from "./messages.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";
import { repeat } from "./vendor/lit-html/directives/repeat.js";
import { live } from "./vendor/lit-html/directives/live.js";

export class Orders {
  constructor(api, book, ticket, engine, tell, changed) {
    Object.assign(this, { api, book, ticket, engine, tell, changed });
    this.book.filter = remembered("filter", { status: "", tokenIn: "", tokenOut: "", venue: "" });
    this.cancelling = new Set();
    this.notes = new Map(); // what a cancel that came too late was answered
    this.problem = null;
  }

  get #filtered() {
    return Object.values(this.book.filter).some(Boolean);
  }

  #filter(change) {
    const filter = { ...this.book.filter, ...change };
    remember("filter", filter);
    this.#try(this.book.list(filter));
  }

  #open(id) {
    this.book.show(this.book.open === id ? null : id);
    history.replaceState(null, "", this.book.open ? `#${id}` : location.pathname + location.search);
  }

  async #cancel(id, button) {
    if (this.cancelling.has(id)) return;
    this.cancelling.add(id);
    this.changed();
    try {
      await this.api.post(`api/orders/${id}/cancel`);
      this.notes.delete(id);
      this.tell("The order is cancelled. Nothing was swapped.");
      // The button goes; who stands on it is put on the order's row.
      if (document.activeElement === button) button.previousElementSibling.focus();
      await this.book.log(id);
    } catch (error) {
      this.notes.set(id, error.code === "not_cancellable" ? error.message : explain(error));
      this.tell(this.notes.get(id));
    }
    this.cancelling.delete(id);
    this.changed();
  }

  async #try(work) {
    this.problem = null;
    try {
      await work;
    } catch (error) {
      this.problem = error;
    }
    this.changed();
  }

  view() {
    const shown = this.book.shown();
    const problem = this.problem ?? this.book.problem;
    return html`
      <section class="card orders" aria-labelledby="orders-title" aria-busy=${this.book.reading}>
        <header class="head">
          <h2 id="orders-title">Orders <span class="count">${this.book.aliveCount ? `${this.book.aliveCount} under way` : nothing}</span></h2>
          ${this.#filters()}
        </header>
        ${problem ? html`<p class="trouble" role="alert">${explain(problem)}</p>` : nothing}
        ${shown.length
          ? html`<ol class="rows">${repeat(shown, (story) => story.id, (story) => this.#row(story))}</ol>`
          : html`<p class="nothing">${this.book.reading ? "Reading …" : this.#filtered ? "No order is like that." : "No orders yet. Send one with the ticket, and watch it go through its five steps: pending, routing, building, submitted, confirmed."}</p>`}
        ${this.book.hasOlder && shown.length ? html`<button class="secondary older" type="button" ?disabled=${this.book.reading} @click=${() => this.#try(this.book.older())}>Show older orders</button>` : nothing}
      </section>`;
  }

  #filters() {
    const { filter } = this.book;
    const symbols = this.ticket.tokens.map(({ symbol }) => [symbol, symbol]);
    const select = (name, label, all, options) => html`
      <select aria-label=${label} class=${filter[name] ? "set" : ""} @change=${(event) => this.#filter({ [name]: event.target.value })}>
        ${[["", all], ...options].map(([value, text]) => html`<option value=${value} .selected=${live(value === (filter[name] ?? ""))}>${text}</option>`)}
      </select>`;
    return html`
      <div class="filters" role="group" aria-label="Show only">
        ${select("status", "Status", "any status", STATUSES.map((status) => [status, status]))}
        ${select("tokenIn", "Token given", "any in", symbols)}
        ${select("tokenOut", "Token got", "any out", symbols)}
        ${select("venue", "Venue", "any venue", ["raydium", "meteora"].map((venue) => [venue, venueName(venue)]))}
        ${this.#filtered ? html`<button class="plain" type="button" @click=${() => this.#filter({ status: "", tokenIn: "", tokenOut: "", venue: "" })}>Clear</button>` : nothing}
      </div>`;
  }

  #row(story) {
    const order = standing(story);
    const status = statusOf(story);
    const open = this.book.open === story.id;
    const routed = isAlive(story) && status !== "pending" && decision(story);
    const got =
      status === "confirmed" ? amount(order.amountOut, order.tokenOut)
      : routed ? html`<span class="token amount">≈ ${parts(routed.amountOut).join("")} ${order.tokenOut}</span>`
      : html`<span class="token">${order.tokenOut}</span>`;
    return html`
      <li class="order ${status} ${open ? "open" : ""}" data-order=${story.id} data-status=${status}>
        <div class="row">
          <button class="opener" type="button" aria-expanded=${open} @click=${() => this.#open(story.id)}>
            <span class="swap">${amount(order.amount, order.tokenIn)} <span class="arrow" aria-label="for">→</span> ${got}</span>
            ${track(story)}
            <span class="state"><b class="status ${status}">${status}</b> <span class="short">${order.dex ? mark(order.dex) : nothing}${inShort(story, this.engine)}</span></span>
            <time datetime=${order.createdAt}>${moment(order.createdAt)}</time>
          </button>
          ${isCancellable(story)
            ? html`<button class="cancel" type="button" aria-disabled=${this.cancelling.has(story.id)} aria-label="Cancel the order of ${order.amount} ${order.tokenIn}" @click=${(event) => this.#cancel(story.id, event.currentTarget)}>Cancel</button>`
            : nothing}
        </div>
        ${this.notes.has(story.id) ? html`<p class="note">${this.notes.get(story.id)}</p>` : nothing}
        ${open ? html`<div class="details">${details(story, this.ticket.decimals(order.tokenOut))}</div>` : nothing}
      </li>`;
  }
}
