// The types of orders that the form places: what each does, its fields, and the request that places it.

import { buysWithDollars, reciprocal, toBps, toUnits } from "../money.js";

const PATH = { order: "api/orders/execute", group: "api/order-groups" };

const swap = ({ tokenIn, tokenOut, amount }) => ({ tokenIn, tokenOut, amount: amount.trim() });

export const TURNING = ["limit", "stop", "take_profit", "oco", "dca"];

/** Whether the prices are those of the token that is bought: with dollars, unless they were turned around. */
export const isPriceTurned = ({ type, isPriceTurned, ...pair }) => TURNING.includes(type) && (isPriceTurned ?? buysWithDollars(pair));

/** A price of a field in the unit of the engine; what was typed while that is no price. */
export const priceOf = (name, fields) => (isPriceTurned(fields) && toUnits(fields[name], 18) ? reciprocal(fields[name]) : fields[name]);

/** Zero is no minimum: the engine refuses it. */
const minimum = ({ minimum }) => (minimum && minimum !== "0" ? { minAmountOut: minimum } : {});

const expiry = ({ lifetime }) => {
  if (lifetime === "gtc") return {};
  return lifetime === "ioc" ? { timeInForce: "ioc" } : { expiresInSeconds: Number(lifetime) };
};

/** The worst price that an order accepts once its price has fired it: named, or below that price by a slippage. */
const floor = (worstPrice, { triggerSlippage }) => (worstPrice ? { limitPrice: worstPrice } : { slippageBps: toBps(triggerSlippage) });

const takeProfit = (fields) => ({ ...swap(fields), orderType: "take_profit", trigger: { price: priceOf("targetPrice", fields), when: "above" } });
const stop = (fields) => ({ ...swap(fields), orderType: "stop", trigger: { price: priceOf("stopPrice", fields), when: "below" }, ...floor(priceOf("worstPrice", fields), fields) });

const trail = (fields) => ({ trailBps: toBps(fields.trail), ...(fields.activationPrice ? { activationPrice: fields.activationPrice } : {}) });

function schedule({ slices, every, everyUnit, startAt, onMiss }) {
  const start = startAt ? { startAt: new Date(startAt).toISOString() } : {};
  return { slices: Number(slices), everySeconds: Number(every) * Number(everyUnit), onMiss, ...start };
}

/** The highest price of what is bought is the lowest in the unit of the engine. */
function priceBand(fields) {
  const prices = ["bandMin", "bandMax"].map((name) => priceOf(name, fields));
  const [min, max] = isPriceTurned(fields) ? prices.reverse() : prices;
  return min || max ? { priceBand: { ...(min ? { min } : {}), ...(max ? { max } : {}) } } : {};
}

/** With a depth it waits until the pools of the token hold so much, without one for the first pool. */
function launch({ minDepth, snipeVenue }) {
  const event = minDepth ? { event: "liquidity", minDepthUsd: minDepth } : { event: "pool_created" };
  return { ...event, ...(snipeVenue ? { venue: snipeVenue } : {}) };
}

/**
 * `fields`: what the form shows, in this order; `more`: what it folds away. `body`: the request, with `extra` fields that
 * accept what was refused at first. `pointers`: the field that a pointer in the engine's answer stands for. `ioc`: it can
 * be filled at once or not at all. `ofTokenOut`: its prices are those of the token that is bought.
 */
export const ORDER_TYPES = {
  market: {
    name: "Market",
    group: "Now",
    fields: ["slippage"],
    body: (fields) => ({ ...swap(fields), slippageBps: toBps(fields.slippage), ...minimum(fields) }),
  },
  limit: {
    name: "Limit",
    group: "At a price",
    explanation: "Waits until the price is at least this good, and never swaps at a worse one.",
    fields: ["limitPrice", "lifetime"],
    body: (fields, extra) => ({ ...swap(fields), orderType: "limit", limitPrice: priceOf("limitPrice", fields), ...expiry(fields), ...extra }),
    pointers: { "/limitPrice": "limitPrice" },
    ioc: true,
  },
  stop: {
    name: "Stop",
    group: "At a price",
    explanation: "Waits until the price has fallen to this at every venue, then swaps.",
    turnedExplanation: "Waits until the price has risen to this at every venue, then buys.",
    fields: ["stopPrice", "worstPrice", "lifetime", "triggerSlippage"],
    body: (fields, extra) => ({ ...stop(fields), ...expiry(fields), ...extra }),
    pointers: { "/trigger/price": "stopPrice", "/limitPrice": "worstPrice" },
  },
  take_profit: {
    name: "Take-profit",
    group: "At a price",
    explanation: "Waits until the price has risen to this at every venue, then swaps.",
    turnedExplanation: "Waits until the price has fallen to this at every venue, then buys.",
    fields: ["targetPrice", "worstPrice", "lifetime", "triggerSlippage"],
    body: (fields, extra) => ({ ...takeProfit(fields), ...floor(priceOf("worstPrice", fields), fields), ...expiry(fields), ...extra }),
    pointers: { "/trigger/price": "targetPrice", "/limitPrice": "worstPrice" },
  },
  trailing_stop: {
    name: "Trailing stop",
    group: "At a price",
    explanation: "Follows a rising price, and swaps once the price has fallen so far below the highest it has seen.",
    fields: ["trail", "activationPrice", "lifetime", "triggerSlippage"],
    body: (fields, extra) => ({ ...swap(fields), orderType: "trailing_stop", trigger: trail(fields), ...floor("", fields), ...expiry(fields), ...extra }),
    pointers: { "/trigger/trailBps": "trail", "/trigger/activationPrice": "activationPrice" },
  },
  oco: {
    name: "One cancels the other (OCO)",
    group: "Several orders",
    explanation: "A take-profit and a stop wait together. Only one of them swaps, and cancels the other.",
    fields: ["targetPrice", "stopPrice", "worstStopPrice", "lifetime", "triggerSlippage"],
    path: PATH.group,
    body: (fields, extra) => ({
      type: "oco",
      legs: [
        { ...takeProfit(fields), ...floor("", fields), ...expiry(fields), ...extra },
        { ...stop({ ...fields, worstPrice: fields.worstStopPrice }), ...expiry(fields), ...extra },
      ],
    }),
    pointers: { "/legs/0/trigger/price": "targetPrice", "/legs/1/trigger/price": "stopPrice", "/legs/1/limitPrice": "worstStopPrice" },
  },
  bracket: {
    name: "Bracket",
    group: "Several orders",
    explanation: "Buys at a limit price. What that brings is sold again at a profit, or at the stop, whichever comes first.",
    fields: ["entryPrice", "exitPrice", "stopLossPrice", "worstStopLossPrice", "lifetime", "triggerSlippage"],
    path: PATH.group,
    // The engine takes the entry's price in the unit of its own swap, which is the other way round.
    body: (fields, extra) => ({
      type: "bracket",
      entry: { ...swap(fields), orderType: "limit", limitPrice: reciprocal(fields.entryPrice), ...expiry(fields), ...extra },
      takeProfit: { price: fields.exitPrice, ...floor("", fields) },
      stopLoss: { price: fields.stopLossPrice, ...floor(fields.worstStopLossPrice, fields) },
    }),
    pointers: { "/entry/limitPrice": "entryPrice", "/takeProfit/price": "exitPrice", "/stopLoss/price": "stopLossPrice", "/stopLoss/limitPrice": "worstStopLossPrice" },
    ioc: true,
    ofTokenOut: true,
  },
  dca: {
    name: "In slices (DCA)",
    group: "Over time",
    explanation: "Swaps the amount in equal slices, one after the other at a fixed interval.",
    fields: ["slices", "every", "slippage"],
    more: ["startAt", "bandMin", "bandMax", "onMiss"],
    body: (fields) => ({ ...swap(fields), orderType: "dca", slippageBps: toBps(fields.slippage), schedule: schedule(fields), ...priceBand(fields) }),
    pointers: { "/schedule/slices": "slices", "/schedule/everySeconds": "every", "/schedule/startAt": "startAt", "/priceBand/min": "bandMin", "/priceBand/max": "bandMax" },
  },
  sniper: {
    name: "Sniper",
    group: "At a launch",
    explanation: "Waits until a token is launched, named by its mint address, and buys it at your price or better.",
    fields: ["mint", "mostPrice", "minDepth", "snipeVenue", "lifetime"],
    body: (fields) => ({ ...swap(fields), tokenOut: fields.mint, orderType: "sniper", limitPrice: reciprocal(fields.mostPrice), trigger: launch(fields), ...expiry(fields) }),
    pointers: { "/tokenOut": "mint", "/limitPrice": "mostPrice", "/trigger/minDepthUsd": "minDepth", "/trigger/venue": "snipeVenue" },
    isSniper: true, // it buys a token that cannot be chosen yet, and that has no price
  },
};

// The last part of a pointer, for fields that every type has.
const COMMON_POINTERS = { amount: "amount", minAmountOut: "receive", expiresInSeconds: "lifetime", tokenIn: "tokenIn", tokenOut: "tokenOut" };

/** The form's field that a pointer stands for; undefined: none. */
export const fieldAt = (type, pointer) => ORDER_TYPES[type].pointers?.[pointer] ?? COMMON_POINTERS[pointer.split("/").at(-1)];

/** The fields of a type that count now: a worst price that was named takes the place of a slippage. */
export function fieldsOf({ type, worstPrice }) {
  const { fields, more = [] } = ORDER_TYPES[type];
  const named = fields.includes("worstPrice") && worstPrice;
  return { fields: fields.filter((name) => !(named && name === "triggerSlippage")), more };
}

/** Problems that the sender can accept: the field that says so, and what is asked. */
export const ACCEPTABLE = {
  price_band: { field: "acknowledgePrice", text: "The limit price is more than 20 % worse than the price now." },
  single_venue: { field: "acknowledgeSingleVenue", text: "Only one venue trades this pair, so one pool could fire the order." },
};
