// The corner for demonstrations, in local mode: some orders at once, to see the queue at work.

import { newIdempotencyKey } from "../api.js";
import { explain } from "../messages.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";

const ORDER = { tokenIn: "SOL", tokenOut: "USDC", amount: "1.5" };
const COUNTS = [5, 50];

export class Demo {
  constructor(api, announce, onChange) {
    Object.assign(this, { api, announce, onChange });
    this.isPractice = false; // until the engine has said so
    this.busy = false;
    this.problem = null;
  }

  async start() {
    const { practice } = await this.api.get("api/tokens").catch(() => ({ practice: false }));
    this.isPractice = practice;
    this.onChange();
  }

  stop() {}

  async #send(count) {
    if (this.busy) return;
    [this.busy, this.problem] = [true, null];
    this.onChange();
    const orders = Array.from({ length: count }, () => ({ ...ORDER, idempotencyKey: newIdempotencyKey() }));
    try {
      const { results } = await this.api.postWithRetries("api/orders/batch", { orders });
      const accepted = results.filter(({ orderId }) => orderId).length;
      this.announce(`${accepted} of ${count} orders are accepted.`);
    } catch (error) {
      this.problem = error;
      this.announce(explain(error));
    }
    this.busy = false;
    this.onChange();
  }

  view() {
    if (!this.isPractice) return nothing;
    return html`
      <section class="card demo" aria-labelledby="demo-title">
        <h2 id="demo-title">Demo</h2>
        <p class="hint">Orders of ${ORDER.amount} ${ORDER.tokenIn} for ${ORDER.tokenOut}. <a href=".">The trading page</a> shows their steps.</p>
        <p class="actions">${COUNTS.map((count) => html`<button class="secondary" type="button" aria-disabled=${this.busy} @click=${() => this.#send(count)}>Send ${count} at once</button>`)}</p>
        ${this.problem ? html`<p class="error-box" role="alert">${explain(this.problem)}</p>` : nothing}
      </section>`;
  }
}
