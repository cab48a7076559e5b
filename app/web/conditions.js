// What an order waits for, in a few words.

import { dateTime, every } from "./clock.js";
import { shortPrice } from "./money.js";

const NAMES = { take_profit: "take-profit", oco: "OCO", dca: "DCA" };

export const typeName = (orderType) => NAMES[orderType] ?? orderType;

/** `isEntry`: it is the entry of a bracket, whose price is said as that of the token it buys. */
export function waitsFor(order, isEntry = false) {
  const { orderType, trigger, schedule, parentId, limitPrice, tokenIn, tokenOut } = order;
  if (parentId) return "one slice of an order";
  if (schedule) return `${typeName(orderType)}: ${schedule.slices} slices, one ${every(schedule.everySeconds)}${band(order)}`;
  if (!trigger?.price) return `${typeName(orderType)}: waits for its condition`;
  if (isEntry) return `entry: at ${shortPrice(1 / Number(trigger.price))} ${tokenIn} for 1 ${tokenOut}, or less`;
  if (orderType === "limit") return `limit: at ${trigger.price} ${tokenOut} or more`;
  const worst = limitPrice ? `, for no less than ${limitPrice}` : "";
  return `${typeName(orderType)}: once the price ${trigger.when === "below" ? "falls" : "rises"} to ${trigger.price} ${tokenOut}${worst}`;
}

function band({ priceBand, tokenOut }) {
  if (!priceBand) return "";
  const { min, max } = priceBand;
  if (min && max) return `, between ${min} and ${max} ${tokenOut}`;
  return min ? `, not below ${min} ${tokenOut}` : `, not above ${max} ${tokenOut}`;
}

/** How far an order in slices has come. */
export function slicesText({ slices }) {
  const { total, filled, failed, skipped, nextAt } = slices;
  const others = [failed && `${failed} failed`, skipped && `${skipped} skipped`].filter(Boolean);
  return [`${filled} of ${total} slices filled`, ...others, nextAt && `next at ${dateTime(nextAt)}`].filter(Boolean).join(", ");
}
