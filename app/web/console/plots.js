// The last hour of the queue and of the pace, as the engine has kept it.

import { lineChart } from "../chart.js";
import { duration, now } from "../clock.js";
import { explain } from "../messages.js";
import { poll } from "../polling.js";
import { html } from "../vendor/lit-html/lit-html.js";

const POLL_MS = 10_000;
const HOUR_MS = 3_600_000;

export class Plots {
  constructor(api, onChange) {
    Object.assign(this, { api, onChange });
    this.samples = null; // oldest first, with a row without values where some are missing
    this.problem = null;
  }

  start() {
    this.stop = poll(() => this.#read(), POLL_MS);
  }

  async #read() {
    const known = (this.samples ?? []).filter(({ at }) => at > now() - HOUR_MS);
    const newest = known.at(-1)?.at ?? 0;
    try {
      const { stepSeconds, samples } = await this.api.get("api/queue/history", newest ? { from: new Date(newest).toISOString() } : {});
      for (const sample of samples) {
        const at = Date.parse(sample.at);
        const last = known.at(-1)?.at ?? at;
        if (at <= newest) continue;
        if (at > last + 1_500 * stepSeconds) known.push({ at: last + 1 });
        known.push({ ...sample, at });
      }
      [this.samples, this.problem] = [known, null];
    } catch (error) {
      this.problem = error;
    }
    this.onChange();
  }

  view() {
    const { samples, problem } = this;
    if (!samples?.length) return html`<p class="placeholder">${problem ? explain(problem) : samples ? "No sample yet: a worker or a watcher takes one every ten seconds." : "Loading …"}</p>`;
    const number = (value) => value ?? "–";
    const ms = (value) => (value === null || value === undefined ? "–" : duration(value));
    return html`
      ${lineChart("In the queue", [{ name: "waiting", kind: "first" }, { name: "running", kind: "second", title: "running" }], samples, HOUR_MS, number)}
      ${lineChart("Confirmed per minute", [{ name: "perMinute", kind: "first" }], samples, HOUR_MS, number)}
      ${lineChart("Time to confirm", [{ name: "p50Ms", kind: "first", title: "p50" }, { name: "p99Ms", kind: "second", title: "p99" }], samples, HOUR_MS, ms)}
      <p class="hint">The last hour, as the engine has kept it: a value every ten seconds, of the minute before. Half of the orders were confirmed within p50, 99 of 100 within p99.</p>`;
  }
}
