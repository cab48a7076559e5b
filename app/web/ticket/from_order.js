// An order as the fields of the form: to place one like it again, and to amend it while it waits.

import { buysWithDollars, reciprocal, shortPrice, toPercent } from "../money.js";
import { fieldsOf, ORDER_TYPES } from "./order_types.js";

const UNITS_OF_TIME = [86_400, 3_600, 60, 1];

const shown = (price, order) => (price && buysWithDollars(order) ? turned(price) : (price ?? ""));

/** Of the token that is bought, as it is shown: what was typed has become 18 decimals of its reciprocal. */
const turned = (limitPrice) => shortPrice(1 / Number(limitPrice));

const onPrice = (name) => (order) => ({ [name]: shown(order.trigger.price, order), worstPrice: shown(order.limitPrice, order), isPriceTurned: null, triggerSlippage: toPercent(order.slippageBps) });

function ofSchedule(order) {
  const { schedule, slippageBps } = order;
  const { slices, everySeconds, onMiss = "extend" } = schedule;
  const unit = UNITS_OF_TIME.find((seconds) => everySeconds % seconds === 0);
  const every = { every: String(everySeconds / unit), everyUnit: String(unit) };
  const band = [order.priceBand?.min, order.priceBand?.max].map((price) => shown(price, order));
  const [bandMin, bandMax] = buysWithDollars(order) ? band.reverse() : band;
  return { slices: String(slices), ...every, startAt: "", onMiss, bandMin, bandMax, isPriceTurned: null, slippage: toPercent(slippageBps) };
}

const OWN_FIELDS = {
  market: ({ slippageBps }) => ({ slippage: toPercent(slippageBps) }),
  limit: (order) => ({ limitPrice: shown(order.limitPrice, order), isPriceTurned: null }),
  stop: onPrice("stopPrice"),
  take_profit: onPrice("targetPrice"),
  trailing_stop: ({ trigger, slippageBps }) => ({ trail: toPercent(trigger.trailBps), activationPrice: trigger.activationPrice ?? "", triggerSlippage: toPercent(slippageBps) }),
  dca: ofSchedule,
  sniper: ({ trigger, limitPrice }) => ({ mint: trigger?.mint ?? "", mostPrice: turned(limitPrice), minDepth: trigger?.minDepthUsd ?? "", snipeVenue: trigger?.venue ?? "" }),
  // Of its orders only the entry is amended as one: the others are a take-profit and a stop.
  bracket: ({ limitPrice }) => ({ entryPrice: turned(limitPrice) }),
};

const AS_PLACED = ["lifetime", "mint", "snipeVenue"]; // no part of an amendment

/** A slice is a market order. */
export const typeOf = ({ orderType, schedule }) => (schedule ? "dca" : orderType in OWN_FIELDS ? orderType : "market");

export function fieldsFrom(order) {
  const type = typeOf(order);
  const { tokenIn, tokenOut, amount, timeInForce } = order;
  const lifetime = ORDER_TYPES[type].ioc && timeInForce === "ioc" ? "ioc" : "gtc";
  return { tokenIn, amount, lifetime, ...(type === "sniper" ? {} : { tokenOut }), ...OWN_FIELDS[type](order) };
}

/** The form's fields that amend an order. `isEntry`: of a bracket, whose price is that of the token it buys. */
export function amendedFields(order, isEntry) {
  const type = isEntry ? "bracket" : order.orderType;
  const { tokenIn, tokenOut, amount } = order;
  return { type, tokenIn, tokenOut, amount, lifetime: "gtc", expiry: "", ...OWN_FIELDS[type](order) };
}

export const amendedNames = ({ type, worstPrice }) => [...(type === "bracket" ? ["entryPrice"] : fieldsOf({ type, worstPrice }).fields.filter((name) => !AS_PLACED.includes(name))), "expiry"];

/** What an amendment sends: the terms that differ between `before` and `after`, which are fields of the form. `now`: in ms. */
export function amendment(before, after, now) {
  const { slippageBps, ...changes } = differences(terms(before), terms(after));
  const slippage = Number.isInteger(slippageBps) ? { slippageBps } : {}; // null: a worst price has taken its place
  const { expiry } = after;
  const expires = expiry === "" ? {} : { expiresAt: expiry === "gtc" ? null : new Date(now + Number(expiry) * 1_000).toISOString() };
  return { ...changes, ...slippage, ...expires };
}

function terms(fields) {
  if (fields.type === "bracket") return { limitPrice: reciprocal(fields.entryPrice) };
  const { limitPrice, trigger, slippageBps } = ORDER_TYPES[fields.type].body(fields, {});
  return { limitPrice, trigger, slippageBps };
}

/** What is gone is null. */
function differences(before, after) {
  const names = Object.keys({ ...before, ...after }).filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
  return Object.fromEntries(names.map((name) => [name, typeof after[name] === "object" ? differences(before[name] ?? {}, after[name]) : (after[name] ?? null)]));
}
