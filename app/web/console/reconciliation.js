// After a restore or a fail-over the engine asks the chain about every order. Shown meanwhile, and while swaps lack an order.

import { amount } from "../amount.js";
import { dateTime } from "../clock.js";
import { explain } from "../messages.js";
import { poll } from "../polling.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";

const POLL_MS = 10_000;
const MAX_SHOWN = 20;

export class Reconciliation {
  constructor(api, onChange) {
    Object.assign(this, { api, onChange });
    this.answer = null;
    this.problem = null;
  }

  start() {
    this.stop = poll(() => this.#read(), POLL_MS);
  }

  async #read() {
    try {
      [this.answer, this.problem] = [await this.api.get("api/reconciliation"), null];
    } catch (error) {
      this.problem = error;
    }
    this.onChange();
  }

  view() {
    const { answer, problem } = this;
    const unmatched = answer?.unmatchedSwaps ?? [];
    return html`
      <section class="card reconciliation" aria-labelledby="reconciliation-title">
        <header class="card-header"><h2 id="reconciliation-title">Chain <span class="count">${unmatched.length || nothing}</span></h2></header>
        ${problem ? html`<p class="error-box" role="alert">${explain(problem)}</p>` : nothing}
        ${answer?.reconciling ? html`<p class="warning-box">The chain is asked about every order, since ${dateTime(answer.beganAt)}: ${answer.reason} Nothing starts meanwhile.${answer.waitsFor ? ` It waits for: ${answer.waitsFor}` : nothing}</p>` : nothing}
        ${unmatched.length
          ? html`<p class="hint">These swaps landed, and filled no order that the database knew.</p>
            <ol class="rows">${unmatched.slice(0, MAX_SHOWN).map((one) => html`
              <li class="lost-swap">${amount(one.amountIn, one.tokenIn)} → ${amount(one.amountOut, one.tokenOut)}, ${dateTime(one.landedAt)}
                <span class="hint">order <code>${one.orderId}</code>${one.filledOrderId ? html`, sent again as <code>${one.filledOrderId}</code>` : nothing}, transaction <code>${one.txHash}</code></span></li>`)}</ol>`
          : answer ? html`<p class="placeholder">Every swap on the chain belongs to an order</p>` : nothing}
      </section>`;
  }
}
