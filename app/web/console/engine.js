// What the engine does: the queue, its workers and watchers, and its pace.

import { duration } from "../clock.js";
import { explain } from "../messages.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";

export class Engine {
  constructor(queueStatus, plots) {
    Object.assign(this, { queueStatus, plots });
  }

  view() {
    const { queue, problem } = this.queueStatus;
    return html`
      <section class="card engine" aria-labelledby="engine-title">
        <header class="card-header">
          <h2 id="engine-title">Engine</h2>
        </header>
        ${problem && problem.code !== "unreachable" ? html`<p class="error-box">${explain(problem)}</p>` : nothing}
        ${queue ? html`
          <dl class="gauges">
            ${gauge("Queued", queue.waiting, queue.oldestSeconds >= 1 ? `oldest due ${duration(queue.oldestSeconds * 1000)}` : "waiting for a start")}
            ${gauge("Running", html`${queue.running} <small>of ${queue.concurrency}</small>`, queue.workers === 1 ? "1 worker" : `${queue.workers} workers`, queue.running, queue.concurrency)}
            ${queue.startsPerMinute === null
              ? gauge("Starts left", "∞", "no limit")
              : gauge("Starts left", html`${queue.startsLeft} <small>of ${queue.startsPerMinute}</small>`, "in any 60 s", queue.startsLeft, queue.startsPerMinute)}
          </dl>
          ${facts(queue)}
          ${this.plots.view()}`
        : html`<p class="placeholder">Loading …</p>`}
      </section>`;
  }
}

function facts({ watchers, pricesAgeSeconds, waitingByLane }) {
  const { stops, market, limits, slices } = waitingByLane;
  return html`
    <dl class="facts">
      <div><dt>Watchers</dt><dd>${watchers === 0 ? html`<b class="status failed">none: orders that wait do not fire</b>` : `${watchers} running`}</dd></div>
      <div><dt>Prices</dt><dd>${pricesAgeSeconds ? `read ${duration(pricesAgeSeconds * 1_000)} ago` : "up to date"}</dd></div>
      <div><dt>In the queue</dt><dd>${stops} stops, ${market} market, ${limits} limits, ${slices} slices</dd></div>
    </dl>`;
}

function gauge(name, value, hint, filled = null, of = 0) {
  return html`<div class="gauge"><dt>${name}</dt><dd>${value}</dd><dd class="hint">${hint}</dd>${filled === null
    ? nothing
    : html`<dd class="meter"><svg aria-hidden="true" width="100%" height="4"><rect class="background" width="100%" height="4" rx="2"></rect><rect class="fill" width="${of ? Math.min(100, (filled / of) * 100) : 0}%" height="4" rx="2"></rect></svg></dd>`}</div>`;
}
