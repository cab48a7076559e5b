// Keys for those who trade all day: "/" searches, "b" buys, the arrows move between orders. They can be turned off, because
// speech input types single letters.

import { load, save } from "./storage.js";
import { html } from "./vendor/lit-html/lit-html.js";

const ROWS = ".activity [role=tabpanel]:not([hidden]) :is(.toggle, .open-order button, .fill button)";

export class Keyboard {
  constructor(actions, onChange) {
    Object.assign(this, { actions, onChange });
    this.isOn = load("keys", { isOn: true }).isOn;
  }

  start() {
    this.listening = new AbortController();
    addEventListener("keydown", (event) => this.#onKey(event), { signal: this.listening.signal });
  }

  stop() {
    this.listening.abort();
  }

  #onKey(event) {
    const isTyping = event.target.closest("input, select, textarea, dialog, [contenteditable]");
    if (!this.isOn || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in this.actions) {
      event.preventDefault();
      this.actions[event.key]();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") this.#move(event);
  }

  /** Only from a row to the next: elsewhere the arrows scroll. */
  #move(event) {
    const rows = [...document.querySelectorAll(ROWS)];
    const at = rows.indexOf(document.activeElement);
    const next = rows[at + (event.key === "ArrowDown" ? 1 : -1)];
    if (at < 0 || !next) return;
    event.preventDefault();
    next.focus();
  }

  view() {
    return html`
      <details class="more keys">
        <summary>Keyboard</summary>
        <p class="hint"><kbd>/</kbd> search your orders · <kbd>b</kbd> buy: to the amount · <kbd>↑</kbd> <kbd>↓</kbd> from order to order · <kbd>Enter</kbd> show its details</p>
        <label><input type="checkbox" .checked=${this.isOn} @change=${(event) => { this.isOn = event.target.checked; save("keys", { isOn: this.isOn }); this.onChange(); }}> Use the keys / and b</label>
      </details>`;
  }
}
