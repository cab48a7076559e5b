// The price of the chosen pair at each venue, before fees. In local mode it can be moved by hand, to see what orders do.

import { venueIcon } from "./comparison.js";
import { buysWithDollars, DOLLARS, shortPrice, typedDecimal } from "./money.js";
import { PriceChange } from "./price_change.js";
import { poll } from "./polling.js";
import { explain, venueName } from "./messages.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";

const POLL_MS = 1_000;
const MOVES_BPS = [-500, -100, 100, 500];

export class Market {
  constructor(api, launch, priceChart, announce, onChange) {
    Object.assign(this, { api, launch, priceChart, announce, onChange });
    this.change = new PriceChange(api, onChange);
    this.pair = null; // {tokenIn, tokenOut}
    this.turned = false; // it is shown the other way round
    this.prices = null; // the engine's answer for what is shown
    this.movable = false; // of the prices that were read last: what is typed below them stays while others are read
    this.dollars = null; // for one tokenIn, if neither token is a dollar
    this.hasAnswered = false; // its height is known
    this.typed = "";
    this.problem = null;
    this.busy = false;
    this.onPrices = null;
  }

  start() {
    this.stopReading = poll(() => this.#read(), POLL_MS);
    this.priceChart.start();
    this.change.start();
  }

  stop() {
    this.stopReading();
    this.priceChart.stop();
    this.change.stop();
  }

  follow(pair) {
    if (pair?.tokenIn === this.pair?.tokenIn && pair?.tokenOut === this.pair?.tokenOut) return;
    [this.pair, this.turned, this.dollars] = [pair, Boolean(pair && buysWithDollars(pair)), null];
    this.#followShown();
  }

  /** The best price now, for display: the most that one token in brings. */
  get best() {
    if (!this.prices?.mids.length) return null;
    const prices = this.prices.mids.map(({ price }) => Number(price));
    return this.turned ? 1 / Math.min(...prices) : Math.max(...prices);
  }

  /** Dollars for one token of each side, for display; null while they are not known. */
  get usd() {
    const { best, pair, dollars } = this;
    if (!best) return { tokenIn: null, tokenOut: null };
    const tokenIn = DOLLARS.includes(pair.tokenIn) ? 1 : DOLLARS.includes(pair.tokenOut) ? best : dollars;
    return { tokenIn, tokenOut: tokenIn && tokenIn / best };
  }

  get #shown() {
    const { tokenIn, tokenOut } = this.pair;
    return this.turned ? { tokenIn: tokenOut, tokenOut: tokenIn } : { tokenIn, tokenOut };
  }

  #followShown() {
    [this.prices, this.problem] = [null, null];
    const shown = this.pair && this.#shown;
    this.priceChart.follow(shown, this.turned);
    this.change.follow(shown);
    this.#read();
  }

  #turn() {
    [this.turned, this.typed] = [!this.turned, ""];
    this.#followShown();
  }

  async #read() {
    const { pair, turned } = this;
    if (!pair) return;
    const read = (query) => this.api.get("api/market", query).catch(() => null);
    const hasDollar = DOLLARS.includes(pair.tokenIn) || DOLLARS.includes(pair.tokenOut);
    const [prices, dollars] = await Promise.all([read(this.#shown), hasDollar ? null : read({ tokenIn: pair.tokenIn, tokenOut: DOLLARS[0] })]);
    if (pair === this.pair && turned === this.turned) [this.prices, this.dollars] = [prices, dollars?.mids.length ? Number(dollars.mids[0].price) : null];
    if (this.prices) this.movable = this.prices.movable;
    this.hasAnswered = true;
    this.onPrices?.();
    if (prices) this.priceChart.add(prices);
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
    const { tokenIn, tokenOut } = this.#shown;
    const done = ({ price }) => `The price becomes ${shortPrice(price)} ${tokenOut} for 1 ${tokenIn}.`;
    return this.#do(() => this.api.post("api/simulate/market", { tokenIn, tokenOut, ...change }), done);
  }

  #release() {
    return this.#do(() => this.api.delete("api/simulate/market"), () => "Prices move by themselves again.");
  }

  view(hasLaunches) {
    if (!this.pair) return nothing;
    const { prices, problem } = this;
    const { tokenIn, tokenOut } = this.#shown;
    return html`
      <section class="card market" aria-labelledby="market-title">
        <header class="card-header">
          <h2 id="market-title">Market</h2>
          <button class="link-button" type="button" title="Turn the price around" @click=${() => this.#turn()}>${tokenOut} for 1 ${tokenIn} ⇄</button>
        </header>
        <dl class="mids">${prices
          ? prices.mids.map(({ venue, price }) => html`<div><dt>${venueIcon(venue)}${venueName(venue)}${this.change.view(venue, price)}</dt><dd>${shortPrice(price)}</dd></div>`)
          : html`<div><dt>Loading …</dt><dd>–</dd></div>`}</dl>
        <div id="price-chart">${this.priceChart.view()}</div>
        ${prices?.movable ? this.#control(prices) : nothing}
        ${problem ? html`<p class="error-box" role="alert">${explain(problem)}</p>` : nothing}
        ${this.movable && hasLaunches ? this.launch.view() : nothing}
      </section>`;
  }

  #control({ setByHand }) {
    return html`
      <form class="move" autocomplete="off" novalidate @submit=${(event) => { event.preventDefault(); this.#move({ price: this.typed }); }}>
        <fieldset>
          <legend class="hint">Move the simulated market</legend>
          ${MOVES_BPS.map((bps) => html`<button class="secondary" type="button" aria-disabled=${this.busy} @click=${() => this.#move({ moveBps: bps })}>${bps < 0 ? "−" : "+"}${Math.abs(bps) / 100} %</button>`)}
          <label for="market-price" class="visually-hidden">Price to set</label>
          <input id="market-price" inputmode="decimal" maxlength="39" placeholder="price" .value=${this.typed} @input=${(event) => (this.typed = typedDecimal(event.target.value))}>
          <button class="secondary" aria-disabled=${this.busy}>Set</button>
        </fieldset>
      </form>
      ${setByHand
        ? html`<p class="note">Set by hand: it stands still. <button class="link-button" type="button" aria-disabled=${this.busy} @click=${() => this.#release()}>Let prices move again</button></p>`
        : nothing}`;
  }
}
