// The state of the queue and the workers: polled every two seconds, charted over ten minutes.

import { duration } from "./clock.js";
import { load, save } from "./storage.js";
import { lineChart } from "./chart.js";
import { explain } from "./messages.js";
import { poll } from "./polling.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";

const POLL_MS = 2_000;
const CHART_MS = 600_000;

export class QueueStatus {
  constructor(api, deadLetters, announce, onChange) {
    Object.assign(this, { api, deadLetters, announce, onChange });
    this.queue = null;
    this.problem = null;
    this.samples = load("samples", { list: [] }).list.filter(({ at }) => at > Date.now() - CHART_MS);
  }

  start() {
    this.stop = poll(() => this.#read(), POLL_MS);
  }

  async #read() {
    try {
      const queue = await this.api.get("api/queue");
      [this.queue, this.problem] = [queue, null];
      const at = Date.now();
      this.samples = [...this.samples.filter((sample) => sample.at > at - CHART_MS),
        { at, perMinute: queue.ordersPerMinute, p50: queue.confirmedMs.p50, p99: queue.confirmedMs.p99, waiting: queue.waiting, running: queue.running }];
      save("samples", { list: this.samples });
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

  async #setPaused(paused) {
    try {
      await this.api.post(`api/queue/${paused ? "pause" : "resume"}`);
      this.announce(paused ? "Trading is halted." : "Trading goes on.");
    } catch (error) {
      this.announce(explain(error));
    }
    await this.#read();
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

  view() {
    const { queue } = this;
    const ms = (value) => (value === null || value === undefined ? "–" : duration(value));
    return html`
      <section class="card engine" aria-labelledby="engine-title">
        <header class="card-header">
          <h2 id="engine-title">Engine</h2>
          ${queue && this.deadLetters.allowed
            ? html`<button class="link-button" type="button" @click=${() => this.#setPaused(!queue.paused)}>${queue.paused ? "Resume trading" : "Halt trading"}</button>`
            : nothing}
        </header>
        ${this.problem && this.problem.code !== "unreachable" ? html`<p class="error-box">${explain(this.problem)}</p>` : nothing}
        ${queue ? html`
          <dl class="gauges">
            ${gauge("Queued", queue.waiting, queue.oldestSeconds >= 1 ? `oldest due ${duration(queue.oldestSeconds * 1000)}` : "waiting for a start")}
            ${gauge("Running", html`${queue.running} <small>of ${queue.concurrency}</small>`, queue.workers === 1 ? "1 worker" : `${queue.workers} workers`, queue.running, queue.concurrency)}
            ${queue.startsPerMinute === null
              ? gauge("Starts left", "∞", "no limit")
              : gauge("Starts left", html`${queue.startsLeft} <small>of ${queue.startsPerMinute}</small>`, "in any 60 s", queue.startsLeft, queue.startsPerMinute)}
          </dl>
          ${lineChart("Confirmed per minute", [{ name: "perMinute", kind: "first" }], this.samples, CHART_MS, (value) => value ?? "–")}
          ${lineChart("Time to confirm", [{ name: "p50", kind: "first", title: "p50" }, { name: "p99", kind: "second", title: "p99" }], this.samples, CHART_MS, ms)}
          <p class="hint">Values cover the last five minutes. Half of the orders were confirmed within p50, 99 of 100 within p99. The charts go back ten minutes, as far as this page was open.</p>`
        : html`<p class="placeholder">Loading …</p>`}
      </section>`;
  }
}

function gauge(name, value, hint, filled = null, of = 0) {
  return html`<div class="gauge"><dt>${name}</dt><dd>${value}</dd><dd class="hint">${hint}</dd>${filled === null
    ? nothing
    : html`<dd class="meter"><svg aria-hidden="true" width="100%" height="4"><rect class="background" width="100%" height="4" rx="2"></rect><rect class="fill" width="${of ? Math.min(100, (filled / of) * 100) : 0}%" height="4" rx="2"></rect></svg></dd>`}</div>`;
}
