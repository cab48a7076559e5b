// Dead letters, for operators: the orders that failed for good, why, and a button to retry each.

import { amount } from "../amount.js";
import { dateTime } from "../clock.js";
import { advice, explain, isCurable, readable, sentence } from "../messages.js";
import { poll } from "../polling.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";

const POLL_MS = 3_000;
const MAX_SHOWN = 20;

export class DeadLetters {
  constructor(api, announce, onChange) {
    Object.assign(this, { api, announce, onChange });
    this.list = [];
    this.total = 0;
    this.countByReason = {};
    this.confirming = false; // "Acknowledge all" needs a second click
    this.busy = false;
    this.problem = null;
  }

  start() {
    this.stop = poll(() => this.#read(), POLL_MS);
  }

  async #read() {
    try {
      const [page, stats] = await Promise.all([this.api.get("api/dlq/failed-orders", { limit: MAX_SHOWN }), this.api.get("api/dlq/stats")]);
      Object.assign(this, { list: page.failedOrders, total: stats.totalFailed, countByReason: stats.byReason, problem: null });
    } catch (error) {
      this.problem = error;
    }
    this.onChange();
  }

  async #run(request, messageFor) {
    if (this.busy) return;
    this.busy = true;
    this.onChange();
    try {
      const answer = await request();
      this.announce(messageFor(answer));
      await this.#read();
    } catch (error) {
      this.problem = error;
      this.announce(explain(error));
    }
    this.busy = this.confirming = false;
    this.onChange();
  }

  #setConfirming(confirming) {
    this.confirming = confirming;
    this.onChange();
  }

  #runDrill() {
    this.#run(() => this.api.post("test/dlq"), () => "An order that fails was placed. It is tried three times.");
  }

  #acknowledgeAll() {
    this.#run(() => this.api.delete("api/dlq/clear"), (answer) => `${answer.clearedCount} acknowledged.`);
  }

  #retry(id) {
    this.#run(() => this.api.post(`api/dlq/${id}/retry`), () => "The order is retried as a new order.");
  }

  view() {
    const reasons = Object.entries(this.countByReason).sort(([, a], [, b]) => b - a);
    return html`
      <section class="card dead-letters" aria-labelledby="dead-letters-title">
        <header class="card-header">
          <h2 id="dead-letters-title">Dead letters <span class="count">${this.total || nothing}</span></h2>
          <span class="actions">
            <button class="link-button" type="button" aria-disabled=${this.busy} title="Places an order on a venue that is always down" @click=${() => this.#runDrill()}>Run a failure drill</button>
            ${this.total
              ? this.confirming
                ? html`<button class="danger" type="button" aria-disabled=${this.busy} @click=${() => this.#acknowledgeAll()}>Acknowledge all ${this.total}</button>
                    <button class="link-button" type="button" @click=${() => this.#setConfirming(false)}>Keep them</button>`
                : html`<button class="link-button" type="button" aria-disabled=${this.busy} @click=${() => this.#setConfirming(true)}>Acknowledge all …</button>`
              : nothing}
          </span>
        </header>
        ${this.problem ? html`<p class="error-box" role="alert">${explain(this.problem)}</p>` : nothing}
        ${this.confirming ? html`<p class="info-box">Acknowledged orders leave this list. Nothing is deleted: each order and its log stay available.</p>` : nothing}
        ${this.list.length
          ? html`<p class="reasons">${reasons.map(([reason, count]) => html`<span class="chip">${readable(reason)} <b>${count}</b></span>`)}</p>
              <ol class="rows">${repeat(this.list, (letter) => letter.id, (letter) => this.#row(letter))}</ol>
              ${this.total > this.list.length ? html`<p class="hint">The latest ${this.list.length} of ${this.total}.</p>` : nothing}`
          : html`<p class="placeholder">No failed orders to acknowledge</p>`}
      </section>`;
  }

  #row(letter) {
    const { tokenIn, tokenOut, amount: amountIn } = letter.originalOrder;
    return html`
      <li class="dead-letter" data-order=${letter.id}>
        <span class="swap">${amount(amountIn, tokenIn)} <span class="arrow" aria-label="for">→</span> <span class="token">${tokenOut}</span></span>
        <span class="reason"><b class="status failed">${readable(letter.failureReason)}</b> after ${letter.attemptsMade} ${letter.attemptsMade === 1 ? "attempt" : "attempts"}, ${dateTime(letter.failedAt)}, ${letter.owner}
          <span class="hint">${sentence(letter.lastError ?? "")} ${advice(letter.failureReason)}</span></span>
        ${isCurable(letter.failureReason)
          ? html`<button class="secondary" type="button" aria-disabled=${this.busy} aria-label="Retry the order of ${amountIn} ${tokenIn}"
              @click=${() => this.#retry(letter.id)}>Retry</button>`
          : nothing}
      </li>`;
  }
}
