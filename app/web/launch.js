// Launches a token on the simulated market, in local mode: to see a sniper fire, and to trade a new pair.

import { explain, sentence, venueName } from "./messages.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";
import { live } from "./vendor/lit-html/directives/live.js";

const SYMBOL = /^[A-Za-z0-9]{1,16}$/;
const FIELDS = { symbol: ["Symbol", ""], usd: ["Price", "USD"], depthUsd: ["Pool holds", "USD"] };

export class Launch {
  /** `onLaunched` is called once the token can be traded, `onSnipe` with the mint of one that is to be launched. */
  constructor(api, announce, { onLaunched, onSnipe }, onChange) {
    Object.assign(this, { api, announce, onLaunched, onSnipe, onChange });
    this.fields = { symbol: "WIF", usd: "0.25", depthUsd: "50000", venue: "raydium" };
    this.mint = null; // of the token that would be launched
    this.problem = null;
    this.busy = false;
  }

  #set(change) {
    Object.assign(this.fields, change);
    this.problem = null;
    if ("symbol" in change) this.#readMint();
    this.onChange();
  }

  /** It follows from the symbol, so an order can wait for it. */
  async #readMint() {
    const { symbol } = this.fields;
    this.mint = null;
    if (!SYMBOL.test(symbol)) return;
    const answer = await this.api.get("api/simulate/mint", { symbol }).catch(() => null);
    if (symbol === this.fields.symbol) this.mint = answer?.mint ?? null;
    this.onChange();
  }

  async #launch() {
    if (this.busy) return;
    [this.busy, this.problem] = [true, null];
    this.onChange();
    const { symbol, usd, depthUsd, venue } = this.fields;
    try {
      await this.api.post("api/simulate/pools", { symbol, name: symbol, usd, depthUsd: Number(depthUsd), venue });
      this.announce(`${symbol} is launched on ${venueName(venue)}.`);
      await this.onLaunched();
    } catch (error) {
      this.problem = error;
      this.announce(explain(error));
    }
    this.busy = false;
    this.onChange();
  }

  view() {
    const { problem, fields, mint, busy } = this;
    const known = problem?.errors.filter(({ pointer }) => pointer.slice(1) in FIELDS).length;
    return html`
      <details class="more" @toggle=${(event) => event.target.open && this.#readMint()}>
        <summary>Launch a token</summary>
        <form class="fields" autocomplete="off" novalidate @submit=${(event) => { event.preventDefault(); this.#launch(); }}>
          ${Object.entries(FIELDS).map(([name, texts]) => this.#field(name, texts))}
          <label for="launch-venue">Venue</label>
          <select id="launch-venue" @change=${(event) => this.#set({ venue: event.target.value })}>
            ${["raydium", "meteora"].map((venue) => html`<option value=${venue} .selected=${live(venue === fields.venue)}>${venueName(venue)}</option>`)}
          </select>
          <p class="hint">Its mint: ${mint ? html`<code>${mint}</code> <button class="link-button" type="button" @click=${() => this.onSnipe(mint)}>Wait for it with a sniper</button>` : "–"}</p>
          <button class="secondary wide" aria-disabled=${busy}>${busy ? "Launching …" : "Launch against SOL"}</button>
        </form>
        ${problem && !known ? html`<p class="error-box" role="alert">${explain(problem)}</p>` : nothing}
      </details>`;
  }

  #field(name, [label, unit]) {
    const id = `launch-${name}`;
    const message = this.problem?.fieldError(name);
    return html`
      <label for=${id}>${label}</label>
      <input id=${id} maxlength="39" spellcheck="false" .value=${live(this.fields[name])} aria-invalid=${Boolean(message)}
        aria-describedby="${id}-unit ${id}-error" @input=${(event) => this.#set({ [name]: event.target.value.trim() })}>
      <span class="unit" id="${id}-unit">${unit}</span>
      <p class="field-error" id="${id}-error">${message ? sentence(message) : nothing}</p>`;
  }
}
