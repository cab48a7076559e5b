// The progress of an order: its five steps, and the time each of them took.

import { duration } from "./clock.js";
import { currentState, isOpen, stepReached, STEPS, statusOf, stepTimings } from "./order_log.js";
import { html, svg } from "./vendor/lit-html/lit-html.js";

/** How many slices of an order were filled. */
export function slicesBar({ total, filled }) {
  return html`<span class="slices-bar" role="img" aria-label="${filled} of ${total} slices filled"><svg aria-hidden="true" width="100%" height="6"><rect class="background" width="100%" height="6" rx="3"></rect><rect class="fill" width="${(filled / total) * 100}%" height="6" rx="3"></rect></svg></span>`;
}

/** Five steps; the current one is animated while a worker runs the order. A waiting order is not animated. */
export function progressBar(log) {
  const status = statusOf(log);
  const at = stepReached(log);
  const stopped = ["failed", "expired", "cancelled"].includes(status);
  const waiting = isOpen(log) || (status === "pending" && (currentState(log)?.code ? "retrying" : "waiting"));
  const stepClass = (n) => {
    if (n < at || status === "confirmed") return "done";
    if (n > at) return n === at + 1 && !stopped && !waiting ? "next" : "upcoming";
    return stopped ? status : waiting || "current";
  };
  const label = at < 0 ? `${status}, before its first step` : stopped ? `${status} at ${STEPS[at]}` : `${status}, step ${at + 1} of ${STEPS.length}`;
  return html`<span class="progress" role="img" aria-label=${label}>${STEPS.map((step, n) => html`<span class="step ${stepClass(n)}" title=${step}></span>`)}</span>`;
}

/** One bar per step. Each starts where the one before it ended. */
export function timingChart(log, now) {
  const bars = stepTimings(log, now);
  const total = bars.at(-1)?.totalMs ?? 0;
  const percent = (ms) => (total > 0 ? Math.max(0, Math.min(100, (ms / total) * 100)) : 0);
  return html`
    <table class="timings">
      <caption>Time per step <span class="hint">${duration(total)} in total</span></caption>
      <thead class="visually-hidden"><tr><th scope="col">step</th><th scope="col">position</th><th scope="col">duration</th></tr></thead>
      <tbody>
        ${bars.map(
          (bar) => html`
            <tr>
              <th scope="row">${bar.isRetryWait ? "waiting" : bar.status}${bar.attempt > 1 || bar.isRetryWait ? html` <span class="hint">${bar.isRetryWait ? "to retry" : `attempt ${bar.attempt}`}</span>` : ""}</th>
              <td class="bar"><svg aria-hidden="true" width="100%" height="10">${svg`<rect class="background" width="100%" height="10" rx="3"></rect><rect class=${bar.isRetryWait ? "retry-wait" : bar.status} x="${percent(bar.startMs)}%" width="${Math.max(0.6, percent(bar.durationMs))}%" height="10" rx="2"></rect>`}</svg></td>
              <td class="number">${duration(bar.durationMs)}</td>
            </tr>`,
        )}
      </tbody>
    </table>`;
}
