// What to pay for an amount that is to be received: found by quotes, because the engine takes the amount to pay.

import { shortPrice, toDecimal, toUnits } from "../money.js";
import { priceOf } from "./order_types.js";

const DECIMALS = 18;
const TOLERANCE_BPS = 10n; // so much more than what is wanted, and twice that, is near enough
const MAX_STEPS = 8; // without a pause
const PAUSE_MS = 2_000;

const ONE = 10_000n;
const roundedUp = (a, b) => (a + b - 1n) / b;

/** If `paid` brings `brings`, so much brings `wanted`; rounded up. Null while one of them is no decimal above zero. */
function amountFor(wanted, { paid, brings }, decimals) {
  const [w, p, b] = [wanted, paid, brings].map((text) => toUnits(text, DECIMALS));
  if (!w || !p || !b) return null;
  return toDecimal(roundedUp(roundedUp(p * w, b), 10n ** BigInt(DECIMALS - decimals)), decimals);
}

/** Whether `brings`, less the slippage, is what is wanted. `isNear`: and not much more. */
function isEnough(wanted, brings, slippageBps, isNear = false) {
  const [w, least] = [toUnits(wanted, DECIMALS), leastOf(brings, slippageBps)];
  return w !== null && least >= w && (!isNear || least * ONE <= w * (ONE + 2n * TOLERANCE_BPS));
}

/** The amount to try next, by what the last one brings; `paid` again if that is right. The slippage is a reserve. */
function nextAmount(wanted, { paid, brings }, slippageBps, decimals) {
  if (isEnough(wanted, brings, slippageBps, true)) return paid;
  const least = toDecimal((leastOf(brings, slippageBps) * ONE) / (ONE + TOLERANCE_BPS), DECIMALS);
  return amountFor(wanted, { paid, brings: least }, decimals);
}

const leastOf = (brings, slippageBps) => ((toUnits(brings, DECIMALS) ?? 0n) * (ONE - BigInt(slippageBps))) / ONE;

export class ExactOut {
  /** `form`: its fields, quotes, market, tokens, decimals and slippage. */
  constructor(form) {
    this.form = form;
    this.steps = 0; // amounts that were tried since something was typed, or since the last one that was right
  }

  /** The amount to receive, as it was typed; null: the amount to pay was typed, or the type of order has none to receive. */
  get wanted() {
    const { type, receive } = this.form.fields;
    return receive !== null && (type === "market" || type === "limit") ? receive.trim() : null;
  }

  get error() {
    const decimals = this.form.decimals(this.form.fields.tokenOut);
    if (this.form.fields.type === "market" && this.form.slippageBps >= 10_000) return "With a slippage of 100 % nothing is sure to be received: allow less.";
    return toUnits(this.wanted, decimals) ? null : `Enter an amount to receive, with at most ${decimals} decimals.`;
  }

  /** What is wanted, if the quote for the amount to pay brings it. */
  minimum(quote) {
    return !this.error && isEnough(this.wanted, quote.amountOut, this.form.slippageBps) ? this.wanted : null;
  }

  /** Sets the amount to pay: by the limit price, by the last quote of the pair, or by its price. */
  begin() {
    this.steps = 0;
    this.#set();
  }

  #set() {
    const { wanted, form } = this;
    const { fields, quotes, market, slippageBps } = form;
    if (wanted === null || !form.tokens.length) return;
    const decimals = form.decimals(fields.tokenIn);
    const at = (price) => ({ paid: "1", brings: price });
    if (fields.type === "limit") fields.amount = amountFor(wanted, at(priceOf("limitPrice", fields)), decimals) ?? fields.amount;
    else fields.amount = nextAmount(wanted, quotes.quoted(fields) ?? at(market.best ? shortPrice(market.best) : ""), slippageBps, decimals) ?? "";
  }

  /** After quotes or prices have come: in how many ms the next amount is to be quoted; null: this one is right, or no quote has come for it. */
  next(isQuoted) {
    const { fields, quotes } = this.form;
    const { amount } = fields;
    if (this.wanted === null || fields.type !== "market" || (amount && !isQuoted)) return null;
    const isRight = this.steps >= MAX_STEPS && quotes.best && this.minimum(quotes.best) !== null;
    if (!isRight) this.#set();
    if (fields.amount === amount) this.steps = 0;
    else this.steps += 1;
    return this.steps === 0 ? null : this.steps < MAX_STEPS ? 0 : PAUSE_MS;
  }
}
