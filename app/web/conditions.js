// What an order waits for, in a few words.

import { dateTime, every } from "./clock.js";
import { venueName } from "./messages.js";
import { buysWithDollars, shortPrice, toPercent } from "./money.js";

const NAMES = { take_profit: "take-profit", trailing_stop: "trailing stop", oco: "OCO", dca: "DCA" };

export const typeName = (orderType) => NAMES[orderType] ?? orderType;

/** `isEntry`: it is the entry of a bracket, whose price is said as that of the token it buys. */
export function waitsFor(order, isEntry = false) {
  const { orderType, trigger, schedule, parentId, limitPrice, tokenIn, tokenOut } = order;
  if (parentId) return "one slice of an order";
  if (schedule) return `${typeName(orderType)}: ${schedule.slices} slices, one ${every(schedule.everySeconds)}${band(order)}`;
  if (trigger?.trailBps) return trails(order);
  if (trigger?.event) return snipes(order);
  if (!trigger?.price) return `${typeName(orderType)}: waits for its condition`;
  if (isEntry || (orderType === "limit" && buysWithDollars(order))) return `${isEntry ? "entry" : "limit"}: at ${shortPrice(1 / Number(trigger.price))} ${tokenIn} for 1 ${tokenOut}, or less`;
  if (orderType === "limit") return `limit: at ${trigger.price} ${tokenOut} or more`;
  if (buysWithDollars(order)) {
    const most = limitPrice ? `, for no more than ${shortPrice(1 / Number(limitPrice))}` : "";
    return `${typeName(orderType)}: once the price ${trigger.when === "below" ? "rises" : "falls"} to ${shortPrice(1 / Number(trigger.price))} ${tokenIn} for 1 ${tokenOut}${most}`;
  }
  const worst = limitPrice ? `, for no less than ${limitPrice}` : "";
  return `${typeName(orderType)}: once the price ${trigger.when === "below" ? "falls" : "rises"} to ${trigger.price} ${tokenOut}${worst}`;
}

function trails({ trigger, tokenOut }) {
  const { trailBps, activationPrice, extreme, level } = trigger;
  const rule = `trailing stop: ${toPercent(trailBps)} % below the highest price`;
  return level ? `${rule} of ${shortPrice(extreme)}, now at ${shortPrice(level)} ${tokenOut}` : `${rule}${activationPrice ? `, from ${activationPrice} ${tokenOut} on` : ""}`;
}

function snipes({ trigger, limitPrice, tokenIn }) {
  const { venue, minDepthUsd } = trigger;
  const where = venue ? ` on ${venueName(venue)}` : "";
  const what = minDepthUsd ? `once its pools${where} hold ${minDepthUsd} USD` : `once it is traded${where}`;
  return `sniper: ${what}, for at most ${shortPrice(1 / Number(limitPrice))} ${tokenIn} each`;
}

/** A symbol, or as much of a mint as tells it apart. */
export const tokenName = (token) => (token.length > 16 ? `${token.slice(0, 4)}…${token.slice(-4)}` : token);

function band(order) {
  if (!order.priceBand) return "";
  const turn = (price) => price && shortPrice(1 / Number(price));
  const isTurned = buysWithDollars(order);
  const { min, max } = isTurned ? { min: turn(order.priceBand.max), max: turn(order.priceBand.min) } : order.priceBand;
  const unit = isTurned ? `${order.tokenIn} for 1 ${order.tokenOut}` : order.tokenOut;
  if (min && max) return `, between ${min} and ${max} ${unit}`;
  return min ? `, not below ${min} ${unit}` : `, not above ${max} ${unit}`;
}

/** How far an order in slices has come. */
export function slicesText({ slices }) {
  const { total, filled, failed, skipped, nextAt } = slices;
  const others = [failed && `${failed} failed`, skipped && `${skipped} skipped`].filter(Boolean);
  return [`${filled} of ${total} slices filled`, ...others, nextAt && `next at ${dateTime(nextAt)}`].filter(Boolean).join(", ");
}
