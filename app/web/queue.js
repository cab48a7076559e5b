// The state of the queue and the workers, read every two seconds.

import { poll } from "./polling.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";

const POLL_MS = 2_000;

export class QueueStatus {
  constructor(api, onChange) {
    Object.assign(this, { api, onChange });
    this.queue = null;
    this.problem = null;
  }

  start() {
    this.stop = poll(() => this.#read(), POLL_MS);
  }

  async #read() {
    try {
      const queue = await this.api.get("api/queue");
      [this.queue, this.problem] = [queue, null];
    } catch (error) {
      this.problem = error;
    }
    this.onChange();
  }

  /** Why a queued order has not been started; null: it is about to be started. */
  waitingReason() {
    if (!this.queue) return null;
    const { workers, trading, startsLeft, startsPerMinute, running, concurrency } = this.queue;
    if (workers === 0) return "no worker is running";
    if (trading === "halted") return "trading is halted";
    if (startsLeft === 0) return `queued: start limit of ${startsPerMinute} per minute reached`;
    if (running >= concurrency) return `queued: ${concurrency} orders are running`;
    return null;
  }

  /** Shown above everything else. */
  warning() {
    if (!this.queue || this.problem) return nothing;
    if (this.queue.workers === 0) {
      return html`<p class="banner warning-box" role="status">No worker is running. Orders are accepted and stored, and start when a worker is back.</p>`;
    }
    if (this.queue.trading === "halted") {
      return html`<p class="banner warning-box" role="status">Trading is halted. New orders are refused; those that wait start once an operator releases trading.</p>`;
    }
    if (this.queue.trading === "reducing") {
      return html`<p class="banner warning-box" role="status">New orders are refused. Orders under way go on.</p>`;
    }
    return nothing;
  }
}
