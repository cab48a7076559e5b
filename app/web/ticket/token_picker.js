// Choosing a token: a button that shows the chosen one, and a dialog with a search.

import { amount } from "../amount.js";
import { tokenName } from "../conditions.js";
import { tokenIcon } from "../token_icon.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { live } from "../vendor/lit-html/directives/live.js";

const LABELS = { tokenIn: "Token to pay", tokenOut: "Token to receive" };

export class TokenPicker {
  /** `onChoose(field, symbol)`. */
  constructor(onChoose, onChange) {
    Object.assign(this, { onChoose, onChange });
    this.held = new Map();
    this.field = "tokenIn"; // that the dialog is open for
    this.query = "";
    this.active = 0; // which of the tokens found the arrow keys are on
  }

  get #dialog() {
    return document.getElementById("token-dialog");
  }

  #open(field) {
    Object.assign(this, { field, query: "", active: 0 });
    this.#dialog.showModal();
    const search = document.getElementById("token-search");
    search.value = ""; // at once: Escape empties a search that has a text, and closes the dialog only then
    search.focus();
    this.onChange();
  }

  #choose(token) {
    this.#dialog.close(); // the browser gives the focus back to the button
    if (token) this.onChoose(this.field, token.symbol);
  }

  #onKey(event, found) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Enter") this.#choose(found[this.active]);
    else if (!step || !found.length) return;
    event.preventDefault();
    if (step) this.active = (this.active + step + found.length) % found.length;
    document.getElementById(`token-option-${this.active}`)?.scrollIntoView({ block: "nearest" });
    this.onChange();
  }

  button(field, symbol) {
    return html`
      <button class="token-button" id=${field} type="button" aria-haspopup="dialog" aria-label="${LABELS[field]}: ${symbol ?? "none"}" @click=${() => this.#open(field)}>
        ${symbol ? html`${tokenIcon(symbol)}${symbol}` : "Choose"} <span aria-hidden="true">▾</span>
      </button>`;
  }

  /** What the wallet holds comes first. */
  #found(tokens) {
    const query = this.query.trim().toLowerCase();
    const found = tokens.filter(({ symbol, name, mint }) => symbol.toLowerCase().includes(query) || name.toLowerCase().includes(query) || mint.toLowerCase().startsWith(query));
    return found.sort((a, b) => this.held.has(b.symbol) - this.held.has(a.symbol));
  }

  /** `held`: what the wallet holds, by symbol. */
  dialog(tokens, selected, held) {
    this.held = held;
    const found = this.#found(tokens);
    return html`
      <dialog id="token-dialog" class="token-dialog" aria-label=${LABELS[this.field]} @click=${(event) => event.target === this.#dialog && this.#dialog.close()}>
        <header><h2>${LABELS[this.field]}</h2><button class="link-button" type="button" @click=${() => this.#dialog.close()}>Close</button></header>
        <input id="token-search" type="search" role="combobox" autocomplete="off" spellcheck="false" aria-label="Search for a token" placeholder="Name, symbol or mint"
          aria-expanded=${found.length > 0} aria-controls="token-list" aria-activedescendant=${found.length ? `token-option-${this.active}` : nothing} .value=${live(this.query)}
          @input=${(event) => { [this.query, this.active] = [event.target.value, 0]; this.onChange(); }} @keydown=${(event) => this.#onKey(event, this.#found(tokens)) /* who types fast is ahead of what is drawn */}>
        <ul id="token-list" role="listbox" aria-label="Tokens" ?hidden=${!found.length}>
          ${found.map((token, n) => html`
            <li role="option" id="token-option-${n}" class=${n === this.active ? "active" : ""} aria-selected=${token.symbol === selected[this.field]} @click=${() => this.#choose(token)}>
              ${tokenIcon(token.symbol)}<span><b>${token.symbol}</b> <span class="hint">${token.name}${held.has(token.symbol) ? html`, balance ${amount(held.get(token.symbol))}` : nothing}</span></span><code title=${token.mint}>${tokenName(token.mint)}</code>
            </li>`)}
        </ul>
        ${found.length ? nothing : html`<p class="placeholder" role="status">No token here has that name. A sniper order can wait for a token that is not traded yet.</p>`}
      </dialog>`;
  }
}
