// The price of the chosen pair over time.

import { nothing } from "./vendor/lit-html/lit-html.js";

export class PriceChart {
  constructor(api, orderStore, onChange) {
    Object.assign(this, { api, orderStore, onChange });
  }

  start() {}

  stop() {}

  /** `pair`: {tokenIn, tokenOut}, or null. */
  follow(pair) {
    this.pair = pair;
  }

  /** `answer`: the prices now, of `GET api/market`. */
  add() {}

  view() {
    return nothing;
  }
}
