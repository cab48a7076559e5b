// The types of orders that the form places: their fields, what is wrong with them, and the body to send.

import { toBps } from "./money.js";

export const ORDER_TYPES = { market: "Market", limit: "Limit", stop: "Stop", take_profit: "Take-profit" };

export const EXPLANATIONS = {
  market: "Swaps now, at the best price of all venues.",
  limit: "Waits until the price is at least this good, and never swaps below it.",
  stop: "Waits until the price has fallen to this at every venue, then swaps.",
  take_profit: "Waits until the price has risen to this at every venue, then swaps.",
};

const LIFETIMES = { gtc: "until cancelled", 3600: "1 hour", 86400: "1 day", 604800: "1 week" };

/** A limit order can also be filled at once or not at all. */
export const lifetimes = (type) => Object.entries(type === "limit" ? { ...LIFETIMES, ioc: "now or never" } : LIFETIMES);

/** A stop may fill further from its price than a swap now: what it may lose is a setting of its own. */
export const slippageField = (type) => (type === "market" ? "slippage" : "triggerSlippage");

export const DEFAULTS = { type: "market", slippage: "0.5", triggerSlippage: "3", limitPrice: "", triggerPrice: "", lifetime: "gtc" };

const PRICE = /^\d{1,20}(\.\d{1,18})?$/;
const isPrice = (text) => PRICE.test(text) && /[1-9]/.test(text);

/** [field, message] of the first invalid field of its type; null if there is none. */
export function invalidField({ type, triggerPrice, limitPrice, ...fields }) {
  if (type === "limit" && !isPrice(limitPrice)) return ["limitPrice", "Enter the price, such as 155.5."];
  if ((type === "stop" || type === "take_profit") && !isPrice(triggerPrice)) return ["triggerPrice", "Enter the price, such as 155.5."];
  if (type !== "market" && type !== "limit" && limitPrice && !isPrice(limitPrice)) return ["limitPrice", "Enter a price, or leave it empty."];
  const needsSlippage = type === "market" || (type !== "limit" && !limitPrice);
  if (needsSlippage && toBps(fields[slippageField(type)]) === null) return ["slippage", "Enter a slippage from 0 to 100 %, such as 0.5."];
  return null;
}

export function orderBody({ type, tokenIn, tokenOut, amount, triggerPrice, limitPrice, lifetime, ...fields }) {
  const swap = { tokenIn, tokenOut, amount: amount.trim() };
  const slippageBps = toBps(fields[slippageField(type)]);
  if (type === "market") return { ...swap, slippageBps };
  const until = lifetime === "gtc" ? {} : lifetime === "ioc" ? (type === "limit" ? { timeInForce: "ioc" } : {}) : { expiresInSeconds: Number(lifetime) };
  if (type === "limit") return { ...swap, orderType: type, limitPrice, ...until };
  const trigger = { price: triggerPrice, when: type === "stop" ? "below" : "above" };
  return { ...swap, orderType: type, trigger, ...(limitPrice ? { limitPrice } : { slippageBps }), ...until };
}

/** What an order waits for, in a few words. */
export function waitsFor({ orderType, trigger, limitPrice, tokenOut }) {
  if (!trigger?.price) return `${orderType.replaceAll("_", " ")}: waits for its condition`;
  if (orderType === "limit") return `limit: at ${trigger.price} ${tokenOut} or more`;
  const worst = limitPrice ? `, for no less than ${limitPrice}` : "";
  return `${orderType === "stop" ? "stop" : "take-profit"}: once the price ${trigger.when === "below" ? "falls" : "rises"} to ${trigger.price} ${tokenOut}${worst}`;
}
