// The caller's orders in four tabs: those that wait, the history, the fills, and what the fills add up to.

import { load, save } from "../storage.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";

const TABS = [["open", "Open orders"], ["history", "History"], ["fills", "Fills"], ["portfolio", "Portfolio"]];

export class Activity {
  /** `sections`: what each tab shows. A section with `show` is told that its tab was chosen. */
  constructor(sections, orderStore, notifications, onChange) {
    Object.assign(this, { sections, orderStore, notifications, onChange });
    this.tab = load("tab", { tab: "history" }).tab;
  }

  start() {
    this.sections[this.tab].show?.();
  }

  stop() {}

  select(tab) {
    this.tab = tab;
    save("tab", { tab });
    this.sections[tab].show?.();
    this.onChange();
  }

  #onKey(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = TABS.findIndex(([name]) => name === this.tab);
    this.select(TABS[(at + step + TABS.length) % TABS.length][0]);
    document.getElementById(`tab-${this.tab}`).focus();
  }

  view() {
    const waiting = this.orderStore.waiting.length;
    return html`
      <section class="card activity" aria-labelledby="activity-title">
        <header class="activity-header">
          <h2 id="activity-title" class="visually-hidden">Your orders</h2>
          <div class="tabs" role="tablist" aria-labelledby="activity-title" @keydown=${(event) => this.#onKey(event)}>
            ${TABS.map(([name, text]) => html`
              <button role="tab" type="button" id="tab-${name}" aria-controls="panel-${name}" aria-selected=${name === this.tab} tabindex=${name === this.tab ? 0 : -1}
                @click=${() => this.select(name)}>${text}${name === "open" && waiting ? html` <span class="count">${waiting}</span>` : nothing}</button>`)}
          </div>
          ${this.notifications.view()}
        </header>
        ${TABS.map(([name]) => html`
          <div role="tabpanel" id="panel-${name}" class="panel ${name}" aria-labelledby="tab-${name}" tabindex="-1" ?hidden=${name !== this.tab}>${this.#panel(name)}</div>`)}
      </section>`;
  }

  /** Orders are drawn behind the other tabs too, because they are cheap; what has to be read first is not. */
  #panel(name) {
    return name === this.tab || name === "open" || name === "history" ? this.sections[name].view() : nothing;
  }
}

/** Where the focus goes when its button is gone: an order's row, or else the tab that is shown. */
export function focusInstead(id) {
  const row = id && document.querySelector(`.order[data-order="${id}"] .toggle`);
  (row?.checkVisibility() ? row : document.querySelector("[role=tabpanel]:not([hidden])")).focus();
}
