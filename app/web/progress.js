// The way of an order: five steps, where it stands, and how long each took.

import { duration } from "./clock.js";
import { lastSeq, reached, STEPS, statusOf, timings } from "./order_log.js";
import { html, svg } from "./vendor/lit-html/lit-html.js";

/** The five steps as five stations; while a worker has it, the one it is at is alive. Waiting is calm. */
export function track(story) {
  const status = statusOf(story);
  const at = reached(story);
  const ended = status === "failed" || status === "cancelled";
  const waits = status === "pending" && (lastSeq(story) > 1 ? "again" : "first");
  const kind = (n) => {
    if (n < at || status === "confirmed") return "done";
    if (n > at) return n === at + 1 && !ended && !waits ? "next" : "ahead";
    return ended ? status : waits || "here";
  };
  const said = ended ? `${status} at ${STEPS[at]}` : `${status}, step ${at + 1} of ${STEPS.length}`;
  return html`<span class="track" role="img" aria-label=${said}>${STEPS.map((step, n) => html`<span class="step ${kind(n)}" title=${step}></span>`)}</span>`;
}

/** Time per step: bars that follow one another, as the steps did. */
export function chart(story, now) {
  const bars = timings(story, now);
  const total = bars.at(-1)?.of ?? 0;
  const share = (ms) => (total > 0 ? Math.max(0, Math.min(100, (ms / total) * 100)) : 0);
  return html`
    <table class="chart">
      <caption>Time per step <span class="hint">${duration(total)} in all</span></caption>
      <thead class="unseen"><tr><th scope="col">step</th><th scope="col">when</th><th scope="col">how long</th></tr></thead>
      <tbody>
        ${bars.map(
          (bar) => html`
            <tr>
              <th scope="row">${bar.waits ? "waiting" : bar.status}${bar.attempt > 1 || bar.waits ? html` <span class="hint">${bar.waits ? "to try again" : `try ${bar.attempt}`}</span>` : ""}</th>
              <td class="bar"><svg aria-hidden="true" width="100%" height="10">${svg`<rect class="ground" width="100%" height="10" rx="3"></rect><rect class=${bar.waits ? "wait" : bar.status} x="${share(bar.from)}%" width="${Math.max(0.6, share(bar.ms))}%" height="10" rx="2"></rect>`}</svg></td>
              <td class="number">${duration(bar.ms)}</td>
            </tr>`,
        )}
      </tbody>
    </table>`;
}
