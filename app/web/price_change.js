// How far the price of a pair has moved in a day at each venue, from the prices that the engine has kept.

import { now } from "./clock.js";
import { poll } from "./polling.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";

const DAY_MS = 86_400_000;
const STEP_SECONDS = 1_800; // few points: only the oldest is used
const READ_MS = 300_000;

export class PriceChange {
  constructor(api, onChange) {
    Object.assign(this, { api, onChange });
    this.pair = null;
    this.before = null; // {venue: price} a day ago; null: the engine has not kept prices for so long
  }

  start() {
    this.stop = poll(() => this.#read(), READ_MS);
  }

  follow(pair) {
    [this.pair, this.before] = [pair, null];
    this.#read();
  }

  async #read() {
    const { pair } = this;
    if (!pair) return;
    const dayAgo = now() - DAY_MS;
    const query = { ...pair, step: STEP_SECONDS, from: new Date(dayAgo).toISOString() };
    const { points } = await this.api.get("api/prices", query).catch(() => ({ points: [] }));
    if (pair !== this.pair) return;
    const [oldest] = points;
    this.before = oldest && Date.parse(oldest.at) < dayAgo + 2 * STEP_SECONDS * 1_000 ? oldest.prices : null;
    this.onChange();
  }

  view(venue, price) {
    const before = this.before?.[venue];
    if (!before) return nothing;
    const percent = (price / before - 1) * 100;
    const size = Math.abs(percent).toFixed(2);
    const [kind, sign] = Number(size) === 0 ? ["", ""] : percent < 0 ? ["down", "−"] : ["up", "+"];
    return html` <span class="change ${kind}">${sign}${size} %<span class="hint"> in 24 h</span></span>`;
  }
}
