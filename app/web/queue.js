// How the engine stands: asked every two seconds, and drawn over the last ten minutes.

import { duration } from "./clock.js";
import { remember, remembered } from "./storage.js";
import { plot } from "./chart.js";
import { explain } from "./messages.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";

const EVERY = 2_000;
const SPAN = 600_000;

export class QueueStatus {
  constructor(api, letters, tell, changed) {
    Object.assign(this, { api, letters, tell, changed });
    this.queue = null;
    this.problem = null;
    this.samples = remembered("samples", { list: [] }).list.filter(({ at }) => at > Date.now() - SPAN);
  }

  start() {
    const ask = async () => {
      if (!document.hidden) await this.#ask();
      if (!this.stopped) this.timer = setTimeout(ask, EVERY);
    };
    ask();
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  async #ask() {
    try {
      const queue = await this.api.get("api/queue");
      [this.queue, this.problem] = [queue, null];
      const at = Date.now();
      this.samples = [...this.samples.filter((sample) => sample.at > at - SPAN),
        { at, pace: queue.ordersPerMinute, p50: queue.confirmedMs.p50, p99: queue.confirmedMs.p99, waiting: queue.waiting, running: queue.running }];
      remember("samples", { list: this.samples });
    } catch (error) {
      this.problem = error;
    }
    this.changed();
  }

  /** Why an order that is in line has not been started; null: it will be, at once. */
  whyWaiting() {
    if (!this.queue) return null;
    const { workers, paused, startsLeft, startsPerMinute, running, concurrency } = this.queue;
    if (workers === 0) return "no worker runs";
    if (paused) return "starting is paused";
    if (startsLeft === 0) return `in line: the ${startsPerMinute} starts of this minute are used`;
    if (running >= concurrency) return `in line: ${concurrency} run already`;
    return null;
  }

  async #set(what) {
    try {
      await this.api.post(`api/queue/${what}`);
      this.tell(what === "pause" ? "No more orders are started." : "Orders are started again.");
    } catch (error) {
      this.tell(explain(error));
    }
    await this.#ask();
  }

  /** What every visitor should know before anything else. */
  warning() {
    if (!this.queue || this.problem) return nothing;
    if (this.queue.workers === 0) {
      return html`<p class="banner caution" role="status">No worker is running: orders are accepted and kept, and start when one comes back.</p>`;
    }
    if (this.queue.paused) {
      return html`<p class="banner caution" role="status">Starting is paused: orders are accepted and kept, and wait.</p>`;
    }
    return nothing;
  }

  view() {
    const { queue } = this;
    const ms = (value) => (value === null || value === undefined ? "–" : duration(value));
    return html`
      <section class="card engine" aria-labelledby="engine-title">
        <header class="head">
          <h2 id="engine-title">Engine</h2>
          ${queue && this.letters.allowed
            ? html`<button class="plain" type="button" @click=${() => this.#set(queue.paused ? "resume" : "pause")}>${queue.paused ? "Start orders again" : "Pause starting"}</button>`
            : nothing}
        </header>
        ${this.problem && this.problem.code !== "away" ? html`<p class="trouble">${explain(this.problem)}</p>` : nothing}
        ${queue ? html`
          <dl class="gauges">
            ${gauge("In line", queue.waiting, queue.oldestSeconds >= 1 ? `oldest due ${duration(queue.oldestSeconds * 1000)}` : "waiting for a start")}
            ${gauge("Running", html`${queue.running} <small>of ${queue.concurrency}</small>`, queue.workers === 1 ? "1 worker" : `${queue.workers} workers`, queue.running, queue.concurrency)}
            ${queue.startsPerMinute === null
              ? gauge("Starts left", "∞", "no limit")
              : gauge("Starts left", html`${queue.startsLeft} <small>of ${queue.startsPerMinute}</small>`, "in any 60 s", queue.startsLeft, queue.startsPerMinute)}
          </dl>
          ${plot("Confirmed a minute", [{ name: "pace", kind: "first" }], this.samples, SPAN, (value) => value ?? "–")}
          ${plot("Time to confirm", [{ name: "p50", kind: "first", title: "p50" }, { name: "p99", kind: "second", title: "p99" }], this.samples, SPAN, ms)}
          <p class="hint">Of the last five minutes. Half of the orders were confirmed within p50, 99 of 100 within p99. The lines go back ten minutes, as far as this page was open.</p>`
        : html`<p class="nothing">Asking …</p>`}
      </section>`;
  }
}

function gauge(name, value, hint, filled = null, of = 0) {
  return html`<div class="gauge"><dt>${name}</dt><dd>${value}</dd><dd class="hint">${hint}</dd>${filled === null
    ? nothing
    : html`<dd class="meter"><svg aria-hidden="true" width="100%" height="4"><rect class="ground" width="100%" height="4" rx="2"></rect><rect class="fill" width="${of ? Math.min(100, (filled / of) * 100) : 0}%" height="4" rx="2"></rect></svg></dd>`}</div>`;
}
