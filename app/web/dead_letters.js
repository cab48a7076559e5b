// Dead letters, for operators: what failed for good, why, and once more.

import { amount } from "./amount.js";
import { moment } from "./clock.js";
import { advice, explain, plain, sentence } from "./messages.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";
import { repeat } from "./vendor/lit-html/directives/repeat.js";

const EVERY = 30_000; // and at once when this caller's order fails
const SHOWN = 20;

export class DeadLetters {
  constructor(api, book, tell, changed) {
    Object.assign(this, { api, book, tell, changed });
    this.allowed = false; // until the engine answers as to an operator
    this.list = [];
    this.total = 0;
    this.byReason = {};
    this.sure = false; // asked once more before all are acknowledged
    this.busy = false;
    this.problem = null;
  }

  async start() {
    clearTimeout(this.timer);
    if (!document.hidden) await this.ask();
    if (this.stopped) return;
    if (this.allowed || this.problem) this.timer = setTimeout(() => this.start(), this.problem ? EVERY / 10 : EVERY);
  }

  stop() {
    clearTimeout(this.timer);
    this.stopped = true;
  }

  async ask() {
    try {
      const [page, stats] = await Promise.all([this.api.get("api/dlq/failed-orders", { limit: SHOWN }), this.api.get("api/dlq/stats")]);
      Object.assign(this, { allowed: true, list: page.failedOrders, total: stats.totalFailed, byReason: stats.byReason, problem: null });
    } catch (error) {
      if (error.status === 403) this.allowed = false;
      else this.problem = error;
    }
    this.changed();
  }

  async #do(work, said) {
    if (this.busy) return;
    this.busy = true;
    this.changed();
    try {
      const answer = await work();
      this.tell(said(answer));
      if (answer.orderId) await this.book.log(answer.orderId).catch(() => {});
      await this.ask();
    } catch (error) {
      this.problem = error;
      this.tell(explain(error));
    }
    this.busy = this.sure = false;
    this.changed();
  }

  view() {
    if (!this.allowed) return nothing;
    const reasons = Object.entries(this.byReason).sort(([, a], [, b]) => b - a);
    return html`
      <section class="card letters" aria-labelledby="letters-title">
        <header class="head">
          <h2 id="letters-title">Dead letters <span class="count">${this.total || nothing}</span></h2>
          <span class="actions">
            <button class="plain" type="button" aria-disabled=${this.busy} title="It goes to a venue that is always down" @click=${() => this.#do(() => this.api.post("test/dlq"), () => "An order that fails is placed. It is tried three times.")}>Rehearse a failure</button>
            ${this.total
              ? this.sure
                ? html`<button class="danger" type="button" aria-disabled=${this.busy} @click=${() => this.#do(() => this.api.delete("api/dlq/clear"), (answer) => `${answer.clearedCount} acknowledged.`)}>Acknowledge all ${this.total}</button>
                    <button class="plain" type="button" @click=${() => { this.sure = false; this.changed(); }}>No</button>`
                : html`<button class="plain" type="button" aria-disabled=${this.busy} @click=${() => { this.sure = true; this.changed(); }}>Acknowledge all …</button>`
              : nothing}
          </span>
        </header>
        ${this.problem ? html`<p class="trouble" role="alert">${explain(this.problem)}</p>` : nothing}
        ${this.sure ? html`<p class="quiet">They leave this list. Nothing is deleted: each order and its log can still be read.</p>` : nothing}
        ${this.list.length
          ? html`<p class="reasons">${reasons.map(([reason, count]) => html`<span class="chip">${plain(reason)} <b>${count}</b></span>`)}</p>
              <ol class="rows">${repeat(this.list, (letter) => letter.id, (letter) => this.#letter(letter))}</ol>
              ${this.total > this.list.length ? html`<p class="hint">The latest ${this.list.length} of ${this.total}.</p>` : nothing}`
          : html`<p class="nothing">No order has failed that nobody has looked at.</p>`}
      </section>`;
  }

  #letter(letter) {
    const { tokenIn, tokenOut, amount: given } = letter.originalOrder;
    return html`
      <li class="letter" data-order=${letter.id}>
        <span class="swap">${amount(given, tokenIn)} <span class="arrow" aria-label="for">→</span> <span class="token">${tokenOut}</span></span>
        <span class="reason"><b class="status failed">${plain(letter.failureReason)}</b> after ${letter.attemptsMade} ${letter.attemptsMade === 1 ? "try" : "tries"}, ${moment(letter.failedAt)}, ${letter.owner}
          <span class="hint">${sentence(letter.lastError ?? "")} ${advice(letter.failureReason)}</span></span>
        <button class="secondary" type="button" aria-disabled=${this.busy} aria-label="Retry the order of ${given} ${tokenIn}"
          @click=${() => this.#do(() => this.api.post(`api/dlq/${letter.id}/retry`), () => "It is tried again, as a new order.")}>Retry</button>
      </li>`;
  }
}
