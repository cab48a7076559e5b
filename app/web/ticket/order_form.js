// The ticket that places orders of every type: its fields, what is wrong with them, and the request it sends.

import { newIdempotencyKey } from "../api.js";
import { amountAt, minAmountOut, toBps } from "../money.js";
import { ExactOut } from "./exact_out.js";
import { DEFAULTS, fieldError, NO_PRICES } from "./order_fields.js";
import { fieldsFrom, typeOf } from "./from_order.js";
import { orderFormView } from "./order_form_view.js";
import { ACCEPTABLE, fieldAt, fieldsOf, isPriceTurned, ORDER_TYPES, priceOf } from "./order_types.js";
import { load, save } from "../storage.js";
import { explain } from "../messages.js";
import { TokenPicker } from "./token_picker.js";

const DEFAULT_SLIPPAGE_BPS = 50;
const OTHER = { tokenIn: "tokenOut", tokenOut: "tokenIn" };

/** What a link to this page fills in, such as `/?tokenIn=SOL&tokenOut=USDC&amount=2`. A reload keeps what was typed since. */
function fieldsOfLink() {
  const query = new URLSearchParams(location.search);
  if (query.size) history.replaceState(null, "", location.pathname + location.hash);
  return Object.fromEntries(["tokenIn", "tokenOut", "amount"].filter((name) => query.get(name)).map((name) => [name, query.get(name).slice(0, 39)]));
}

export class OrderForm {
  /** `onPlaced(type)` is called once orders of this type were accepted, `onShow(id)` to show an order in the list. */
  constructor(api, quotes, market, wallet, orderStore, announce, { onPlaced, onShow }, onChange) {
    Object.assign(this, { api, quotes, market, wallet, orderStore, announce, onPlaced, onShow, onChange });
    this.picker = new TokenPicker((field, symbol) => this.#choose(field, symbol), onChange);
    this.tokens = [];
    this.isPractice = false; // until the engine has said that no money moves
    this.hasLaunches = true; // until it has said that its chain tells of none
    this.fields = load("order-form", { ...DEFAULTS, tokenIn: "SOL", tokenOut: "USDC", amount: "1.5", receive: null, isRateTurned: false, areQuotesOpen: false });
    const linked = fieldsOfLink();
    Object.assign(this.fields, linked, linked.amount ? { receive: null } : {});
    if (!(this.fields.type in ORDER_TYPES)) this.fields.type = DEFAULTS.type;
    this.problem = null;
    this.tried = false; // only then is an empty field an error
    this.accepted = {}; // what the sender has accepted, of `ACCEPTABLE`
    this.isSending = false;
    this.placedId = null; // the order that was placed last
    this.exactOut = new ExactOut(this);
    quotes.onAnswer = market.onPrices = () => this.#seek();
  }

  /** Asks for prices and quotes at once: the tokens are nearly always those of the time before. */
  start() {
    this.set({});
  }

  stop() {}

  async loadTokens() {
    const { tokens, practice, launches } = await this.api.get("api/tokens");
    Object.assign(this, { tokens, isPractice: practice, hasLaunches: launches });
    if (this.isSniper && !launches) this.setType(DEFAULTS.type);
    const unknown = Object.keys(OTHER).filter((name) => !this.#token(this.fields[name]));
    for (const name of unknown) this.fields[name] = tokens.find(({ symbol }) => symbol !== this.fields[OTHER[name]])?.symbol;
    if (unknown.length || this.wanted !== null) this.set({});
    this.onChange();
  }

  #token(symbol) {
    return this.tokens.find((token) => token.symbol === symbol);
  }

  get isSniper() {
    return ORDER_TYPES[this.fields.type].isSniper;
  }

  get slippageBps() {
    return toBps(this.fields.slippage) ?? DEFAULT_SLIPPAGE_BPS;
  }

  get #swap() {
    const { tokenIn, tokenOut, amount } = this.fields;
    return { tokenIn, tokenOut, amount: amount.trim() };
  }

  /** The amount to receive, as it was typed; null: the amount to pay was typed. */
  get wanted() {
    return this.exactOut.wanted;
  }

  /** What a limit order brings at least; null while it has no amount or no price, and for other types. */
  get atLimit() {
    const { type, amount, tokenOut } = this.fields;
    return type === "limit" ? amountAt(amount.trim(), priceOf("limitPrice", this.fields), this.decimals(tokenOut)) : null;
  }

  /** The least that a market order accepts: shown, and sent. Null: there is no quote for exactly this swap yet. */
  get minimum() {
    const { quotes } = this;
    if (this.fields.type !== "market" || !this.#token(this.fields.tokenOut) || !quotes.isFor(this.#swap) || !quotes.best) return null;
    if (this.wanted !== null) return this.exactOut.minimum(quotes.best);
    return minAmountOut(quotes.best.amountOut, this.slippageBps, this.decimals(this.fields.tokenOut));
  }

  /** Why the order cannot be placed now; null: it can. */
  get blockedBecause() {
    if (this.fields.type !== "market") return null;
    const { tokenIn, amount } = this.#swap;
    if (this.wallet.isShortOf(tokenIn, amount, this.decimals(tokenIn))) return `Not enough ${tokenIn} in the wallet`;
    if (this.quotes.isRefused(this.#swap)) return "No venue can do this swap";
    return this.wanted !== null && !this.exactOut.error && this.minimum === null ? "Finding the amount to pay …" : null;
  }

  /** Zero for a token that is not traded yet. */
  decimals(symbol) {
    return this.#token(symbol)?.decimals ?? 0;
  }

  /** With another amount to pay, that to receive is no longer what was typed. */
  set(fields) {
    Object.assign(this.fields, "amount" in fields ? { receive: null } : {}, fields);
    [this.problem, this.accepted] = [null, {}];
    const { tokenIn, tokenOut } = this.fields;
    this.market.follow(tokenIn && tokenOut ? { tokenIn, tokenOut } : null);
    this.exactOut.begin();
    this.#ask();
    this.onChange();
  }

  #ask(delayMs) {
    save("order-form", this.fields);
    const { tokenIn, tokenOut, amount } = this.#swap;
    this.quotes.request(amount && tokenIn && tokenOut && !this.isSniper ? { tokenIn, tokenOut, amount } : null, delayMs);
  }

  /** Quotes or prices have come. */
  #seek() {
    const delayMs = this.exactOut.next(this.quotes.isFor(this.#swap));
    if (delayMs !== null) this.#ask(delayMs);
  }

  /** Changes fields that are no part of the order. */
  show(fields) {
    Object.assign(this.fields, fields);
    save("order-form", this.fields);
    this.onChange();
  }

  /** The prices that were typed are those of another pair. */
  #setPair(pair) {
    this.set({ ...NO_PRICES, isPriceTurned: null, ...pair });
  }

  /** Choosing the token of the other field swaps the two. */
  #choose(field, symbol) {
    const other = OTHER[field];
    this.#setPair(this.fields[other] === symbol ? { [other]: this.fields[field], [field]: symbol } : { [field]: symbol });
  }

  reverse() {
    const { tokenIn, tokenOut } = this.fields;
    const amount = this.wanted === null ? {} : { amount: this.wanted }; // what was to be received is paid
    this.#setPair({ tokenIn: tokenOut, tokenOut: tokenIn, ...amount });
  }

  setType(type) {
    this.tried = false;
    const isOtherUnit = isPriceTurned({ ...this.fields, type }) !== isPriceTurned(this.fields);
    this.set({ type, ...(isOtherUnit ? NO_PRICES : {}) });
  }

  /** The form for a sniper that waits for this token. */
  snipe(mint) {
    this.setType("sniper");
    this.set({ mint });
    document.getElementById("amount").focus();
  }

  /** The form for an order like this one. */
  again(order) {
    this.setType(typeOf(order));
    this.set(fieldsFrom(order));
    document.getElementById("amount").focus();
  }

  /** What is wrong with each field, in the order of the form: found here, or by the engine. */
  errors() {
    const errors = new Map();
    if (this.wanted !== null) {
      if (this.tokens.length && this.exactOut.error) errors.set("receive", this.exactOut.error);
    } else if (!this.fields.amount.trim()) errors.set("amount", "Enter an amount.");
    else if (this.quotes.problem?.fieldError("amount")) errors.set("amount", this.quotes.problem.fieldError("amount"));
    const { fields, more } = fieldsOf(this.fields);
    for (const name of [...fields, ...more]) {
      const message = this.tried || this.fields[name] !== "" ? fieldError(name, this.fields[name]) : null;
      if (message) errors.set(name, message);
    }
    if (this.problem && !(this.problem.code in ACCEPTABLE)) {
      for (const { pointer, message } of this.problem.errors) errors.set(fieldAt(this.fields.type, pointer), message);
    }
    return errors;
  }

  #focusFirst(errors) {
    const [[name, message]] = errors;
    document.getElementById(name)?.focus();
    this.announce(message);
  }

  async send() {
    if (this.isSending) return;
    if (this.blockedBecause) return this.announce(this.blockedBecause);
    [this.tried, this.problem] = [true, null];
    const errors = this.errors();
    this.onChange();
    if (errors.size) return this.#focusFirst(errors);
    this.isSending = true;
    this.onChange();
    try {
      const { type } = this.fields;
      const placed = await this.#place();
      await Promise.allSettled(placed.map((id) => this.orderStore.loadOrder(id)));
      this.announce(placed.length === 1 ? "The order is accepted." : `${placed.length} orders are accepted.`);
      [this.tried, this.accepted, this.placedId] = [false, {}, placed[0]];
      this.onPlaced(type);
    } catch (error) {
      this.problem = error;
      const refused = this.errors();
      if (refused.size) this.#focusFirst(refused);
      else this.announce(explain(error));
    }
    this.isSending = false;
    this.onChange();
  }

  /** The ids of the order, or of the orders of its group. */
  async #place() {
    const { path = "api/orders/execute", body } = ORDER_TYPES[this.fields.type];
    const answer = await this.api.postWithRetries(path, body({ ...this.fields, minimum: this.minimum }, this.accepted), { "idempotency-key": newIdempotencyKey() });
    return (answer.orders ?? [answer]).map(({ orderId }) => orderId);
  }

  accept(field) {
    this.accepted = { ...this.accepted, [field]: true };
    this.send();
  }

  view() {
    return orderFormView(this);
  }
}
