// The price of a pair over time at each venue, with the caller's open orders and fills on it. The past comes from the engine;
// the prices that the page reads every second continue it.

import { dateTime, every, now } from "./clock.js";
import { typeName } from "./conditions.js";
import { explain, venueName } from "./messages.js";
import { shortPrice } from "./money.js";
import { currentState, statusOf } from "./order_log.js";
import { poll } from "./polling.js";
import { candles } from "./price_candles.js";
import { PricePlot } from "./price_plot.js";
import { load, save } from "./storage.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";

const READ_MS = 60_000; // the engine's samples replace those of this page
const MAX_FILLS = 200; // that are read of each direction, and that are drawn
const RANGES = [
  { name: "15 min", text: "15 minutes", seconds: 900, step: 10, candle: 60 },
  { name: "1 h", text: "hour", seconds: 3_600, step: 10, candle: 60 },
  { name: "6 h", text: "6 hours", seconds: 21_600, step: 60, candle: 600 },
  { name: "1 day", text: "day", seconds: 86_400, step: 120, candle: 1_800 },
  { name: "1 week", text: "week", seconds: 604_800, step: 720, candle: 7_200 },
];

export class PriceChart {
  constructor(api, orderStore, onChange) {
    Object.assign(this, { api, orderStore, onChange });
    this.pair = null;
    this.isTurned = false; // the other way round than it is swapped: then a lower price is the better one
    const { range, isCandles } = load("chart", { range: null, isCandles: false });
    this.range = RANGES.find(({ name }) => name === range) ?? RANGES[1];
    this.isCandles = isCandles; // or a line for each venue
    this.points = new Map(); // where a step begins, in seconds → {venue: price}, oldest first
    this.fills = new Map(); // order id → {at, price, sells}
    this.problem = null;
    this.shown = null; // what the plot shows
    this.summary = ""; // the same in words
    this.cursor = null; // the index of the point that is read, in what is shown
    this.plot = new PricePlot((index) => {
      this.cursor = index;
      this.onChange();
    });
  }

  start() {
    this.stopReading = poll(() => this.#read(), READ_MS);
  }

  stop() {
    this.stopReading();
  }

  /** `pair`: {tokenIn, tokenOut}, or null. */
  follow(pair, isTurned) {
    this.isTurned = isTurned;
    if (pair?.tokenIn === this.pair?.tokenIn && pair?.tokenOut === this.pair?.tokenOut) return;
    this.pair = pair;
    this.fills.clear();
    this.#begin();
    this.#readFills();
  }

  /** `answer`: the prices now, of `GET api/market`, of the pair in either direction. */
  add({ at, tokenIn, tokenOut, mids }) {
    const turned = tokenIn === this.pair?.tokenOut && tokenOut === this.pair?.tokenIn;
    if (!turned && (tokenIn !== this.pair?.tokenIn || tokenOut !== this.pair?.tokenOut)) return;
    const { step } = this.range;
    const time = Math.floor(Date.parse(at) / 1_000 / step) * step;
    const newest = [...this.points.keys()].at(-1) ?? 0;
    if (time < newest) return;
    if (newest && time > newest + 2 * step) this.#read(); // this page slept
    this.points.set(time, Object.fromEntries(mids.map(({ venue, price }) => [venue, turned ? 1 / price : price])));
    this.#draw();
  }

  #choose(range) {
    this.range = range;
    this.#save();
    this.#begin();
  }

  #toggleCandles() {
    this.isCandles = !this.isCandles;
    this.#save();
    this.cursor = null;
    this.plot.moveCursor(null);
    this.#draw();
    this.onChange();
  }

  #save() {
    save("chart", { range: this.range.name, isCandles: this.isCandles });
  }

  /** Another pair, or another range. */
  #begin() {
    this.points = new Map();
    [this.shown, this.cursor, this.problem] = [null, null, null];
    this.plot.clear();
    this.#read();
    this.onChange();
  }

  async #read() {
    const { pair, range } = this;
    if (!pair) return;
    const from = new Date((Math.floor(now() / 1_000) - range.seconds) * 1_000).toISOString();
    try {
      const { points } = await this.api.get("api/prices", { ...pair, step: range.step, from });
      if (pair !== this.pair || range !== this.range) return;
      const past = points.map(({ at, prices }) => [Date.parse(at) / 1_000, prices]);
      const newest = past.at(-1)?.[0] ?? 0;
      this.points = new Map([...past, ...[...this.points].filter(([time]) => time > newest)]);
      this.problem = null;
      this.#draw();
    } catch (error) {
      if (pair === this.pair && range === this.range) this.problem = error;
    }
    this.onChange();
  }

  /** Those from before this page was opened; later ones are in the order store. */
  async #readFills() {
    const { pair } = this;
    if (!pair) return;
    const query = { status: "confirmed", limit: MAX_FILLS };
    const directions = [pair, { tokenIn: pair.tokenOut, tokenOut: pair.tokenIn }];
    const pages = await Promise.all(directions.map((swap) => this.api.get("api/orders", { ...query, ...swap }).catch(() => ({ orders: [] }))));
    if (pair !== this.pair) return;
    pages.flatMap(({ orders }) => orders).forEach((order) => this.#addFill(order));
    this.#draw();
  }

  #addFill({ orderId, executedPrice, updatedAt, tokenIn }) {
    const sells = tokenIn === this.pair.tokenIn;
    this.fills.set(orderId, { at: Date.parse(updatedAt) / 1_000, price: sells ? executedPrice : 1 / executedPrice, sells });
  }

  #isOfPair({ tokenIn, tokenOut }) {
    const ends = [this.pair.tokenIn, this.pair.tokenOut];
    return ends.includes(tokenIn) && ends.includes(tokenOut);
  }

  /** The prices that open orders of this pair wait for. */
  #levels() {
    return this.orderStore.waiting.filter(({ snapshot }) => this.#isOfPair(snapshot)).flatMap((log) => {
      const { trigger, orderType, tokenIn } = currentState(log);
      const level = Number(trigger?.level ?? trigger?.price ?? trigger?.activationPrice);
      return level > 0 ? [{ name: typeName(orderType), price: tokenIn === this.pair.tokenIn ? level : 1 / level }] : [];
    });
  }

  #draw() {
    if (!this.pair || !this.points.size) return;
    const { range, orderStore, isCandles } = this;
    for (const log of orderStore.logs.values()) {
      if (statusOf(log) !== "confirmed" || this.fills.has(log.id) || !log.snapshot || !this.#isOfPair(log.snapshot)) continue;
      const order = currentState(log);
      if (order.executedPrice) this.#addFill(order);
    }
    const newest = [...this.points.keys()].at(-1);
    const from = newest - range.seconds;
    const to = newest + Math.max(isCandles ? range.candle : range.step, range.seconds / 50); // room for the fills of this step
    for (const time of this.points.keys()) if (time < from) this.points.delete(time);
    const points = isCandles ? candles(this.points, range.candle, this.isTurned ? Math.min : Math.max) : [...this.points];
    const lines = isCandles ? ["close"] : [...new Set(points.flatMap(([, prices]) => Object.keys(prices)))].sort();
    this.fills = new Map([...this.fills].sort(([, a], [, b]) => b.at - a.at).slice(0, MAX_FILLS));
    const fills = [...this.fills.values()].filter(({ at }) => at >= from);
    this.shown = { pair: this.pair, range, isCandles, step: isCandles ? range.candle : range.step, lines, from, to, points, levels: this.#levels(), fills };
    if (this.cursor >= points.length) this.cursor = null;
    this.summary = summary(this.shown);
    this.plot.show(this.shown);
  }

  #onKey(event) {
    const last = this.shown.points.length - 1;
    const at = this.cursor ?? last;
    const page = Math.max(1, Math.round(last / 10));
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, PageDown: at - page, PageUp: at + page, Home: 0, End: last }[event.key];
    if (event.key !== "Escape" && to === undefined) return;
    event.preventDefault();
    this.plot.moveCursor(to === undefined ? null : Math.min(last, Math.max(0, to)));
  }

  view() {
    if (!this.pair) return nothing;
    const { pair, range, shown, problem } = this;
    return html`
      <div class="ranges" role="group" aria-label="How far the chart goes back, and how it is drawn">
        <button type="button" class="link-button" aria-pressed=${this.isCandles} @click=${() => this.#toggleCandles()}>Candles</button>
        ${RANGES.map((one) => html`<button type="button" class="link-button" aria-pressed=${one === range} @click=${() => this.#choose(one)}>${one.name}</button>`)}
      </div>
      ${shown
        ? html`<div class="price-plot" role="slider" tabindex="0" aria-label="Price of ${pair.tokenIn} in ${pair.tokenOut}, last ${range.text}" aria-describedby="price-summary"
            aria-valuemin="0" aria-valuemax=${shown.points.length - 1} aria-valuenow=${this.#at} aria-valuetext=${this.#reading()}
            @keydown=${(event) => this.#onKey(event)} @blur=${() => this.plot.moveCursor(null)}>${this.plot.element}</div>
          <p class="reading" aria-hidden="true">${this.#reading()}</p>
          <p id="price-summary" class="hint">${this.summary}</p>`
        : html`<p class="price-plot placeholder">${problem ? explain(problem) : "Loading …"}</p><p class="reading"></p><p id="price-summary" class="hint"></p>`}`;
  }

  get #at() {
    return this.cursor ?? this.shown.points.length - 1;
  }

  #reading() {
    const { points, isCandles, step, lines } = this.shown;
    const [time, prices] = points[this.#at];
    const from = dateTime((isCandles ? time - step / 2 : time) * 1_000);
    const names = isCandles ? Object.keys(prices) : lines;
    return [from, ...names.map((name) => `${venueName(name)} ${name in prices ? shortPrice(prices[name]) : "–"}`)].join("  ");
  }
}

function summary({ pair, range, isCandles, points, lines, levels, fills }) {
  const prices = points.flatMap(([, at]) => Object.values(at));
  const [low, high] = [Math.min(...prices), Math.max(...prices)];
  const line = lines.find((one) => one in points[0][1] && one in points.at(-1)[1]);
  const change = line ? (points.at(-1)[1][line] / (points[0][1].open ?? points[0][1][line]) - 1) * 100 : 0;
  const percent = Math.abs(change).toFixed(2);
  const signed = `${Number(percent) === 0 ? "" : change < 0 ? "−" : "+"}${percent} %`;
  const many = (list, one) => `${list.length} ${one}${list.length === 1 ? "" : "s"}`;
  return [
    `Last ${range.text}: low ${shortPrice(low)}, high ${shortPrice(high)} ${pair.tokenOut}${line ? `, ${signed}` : ""}.`,
    isCandles ? `A candle ${every(range.candle)}, from the better venue's price ${every(range.step)}.` : "",
    levels.length ? `${many(levels, "open order")}: ${levels.slice(0, 5).map(({ name, price }) => `${name} ${shortPrice(price)}`).join(", ")}${levels.length > 5 ? ", …" : ""}.` : "",
    fills.length ? `${fills.length === MAX_FILLS ? "The newest of your fills" : `${many(fills, "fill")} of yours`}: ▼ gave ${pair.tokenIn}, ▲ received it.` : "",
  ].filter(Boolean).join(" ");
}
