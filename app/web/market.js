// The price of the chosen pair at each venue. In local mode it can be moved by hand, to see what orders do.

import { venueIcon } from "./comparison.js";
import { plainDecimal } from "./money.js";
import { explain, venueName } from "./messages.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";

const POLL_MS = 1_000;
const MOVES_BPS = [-500, -100, 100, 500];

/** The first digits of a price: enough to read, and as many as a double keeps. */
export const shortPrice = (price) => plainDecimal(Number(Number(price).toPrecision(7)));

export class Market {
  constructor(api, announce, onChange) {
    Object.assign(this, { api, announce, onChange });
    this.pair = null; // {tokenIn, tokenOut}
    this.prices = null; // the engine's answer for it
    this.typed = "";
    this.problem = null;
    this.busy = false;
  }

  start() {
    const poll = async () => {
      if (!document.hidden) await this.#read();
      if (!this.stopped) this.timer = setTimeout(poll, POLL_MS);
    };
    poll();
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  follow(pair) {
    if (pair?.tokenIn === this.pair?.tokenIn && pair?.tokenOut === this.pair?.tokenOut) return;
    [this.pair, this.prices, this.problem] = [pair, null, null];
    this.#read();
  }

  /** The best price now: the most that one token in brings. */
  get best() {
    return this.prices?.mids.map(({ price }) => price).reduce((a, b) => (Number(a) > Number(b) ? a : b), 0) || null;
  }

  async #read() {
    const { pair } = this;
    if (!pair) return;
    try {
      const prices = await this.api.get("api/market", pair);
      if (pair === this.pair) this.prices = prices;
    } catch {
      if (pair === this.pair) this.prices = null;
    }
    this.onChange();
  }

  async #do(request, done) {
    if (this.busy) return;
    [this.busy, this.problem] = [true, null];
    this.onChange();
    try {
      this.announce(done(await request()));
      this.typed = "";
    } catch (error) {
      this.problem = error;
      this.announce(explain(error));
    }
    this.busy = false;
    await this.#read();
  }

  #move(change) {
    const { tokenIn, tokenOut } = this.pair;
    const done = ({ price }) => `The price becomes ${shortPrice(price)} ${tokenOut} for 1 ${tokenIn}.`;
    return this.#do(() => this.api.post("api/simulate/market", { tokenIn, tokenOut, ...change }), done);
  }

  #release() {
    return this.#do(() => this.api.delete("api/simulate/market"), () => "Prices move by themselves again.");
  }

  view() {
    if (!this.pair) return nothing;
    const { prices, pair, problem } = this;
    return html`
      <section class="card market" aria-labelledby="market-title">
        <header class="card-header">
          <h2 id="market-title">Market</h2>
          <span class="hint">${pair.tokenOut} for 1 ${pair.tokenIn}, before fees</span>
        </header>
        ${prices
          ? html`<dl class="mids">${prices.mids.map(({ venue, price }) => html`<div><dt>${venueIcon(venue)}${venueName(venue)}</dt><dd>${shortPrice(price)}</dd></div>`)}</dl>`
          : html`<p class="placeholder">Loading …</p>`}
        ${prices?.movable ? this.#control(prices) : nothing}
        ${problem ? html`<p class="error-box" role="alert">${explain(problem)}</p>` : nothing}
      </section>`;
  }

  #control({ setByHand }) {
    return html`
      <form class="move" autocomplete="off" novalidate @submit=${(event) => { event.preventDefault(); this.#move({ price: this.typed }); }}>
        <fieldset>
          <legend class="hint">Move the simulated market</legend>
          ${MOVES_BPS.map((bps) => html`<button class="secondary" type="button" aria-disabled=${this.busy} @click=${() => this.#move({ moveBps: bps })}>${bps < 0 ? "−" : "+"}${Math.abs(bps) / 100} %</button>`)}
          <label for="market-price" class="visually-hidden">Price to set</label>
          <input id="market-price" inputmode="decimal" maxlength="39" placeholder="price" .value=${this.typed} @input=${(event) => (this.typed = event.target.value.trim())}>
          <button class="secondary" aria-disabled=${this.busy}>Set</button>
        </fieldset>
      </form>
      ${setByHand
        ? html`<p class="note">Set by hand: it stands still. <button class="link-button" type="button" aria-disabled=${this.busy} @click=${() => this.#release()}>Let prices move again</button></p>`
        : nothing}`;
  }
}
