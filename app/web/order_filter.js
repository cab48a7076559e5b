// Which orders the list shows: {status, tokenIn, tokenOut, venue, from, to}; what is empty is no condition.

import { currentState, statusOf } from "./order_log.js";

/** The beginning of a day here, as the engine takes it; undefined for no day. */
const startOf = (day, days = 0) => (day ? new Date(new Date(`${day}T00:00`).setDate(Number(day.slice(8)) + days)).toISOString() : undefined);

/** The same as the engine takes it. */
export const queryOf = ({ from, to, ...filter }) => ({ ...filter, from: startOf(from), before: startOf(to, 1) });

/** Whether a log is shown. `search`: what was typed. The engine does not know it: only orders that were read are found. */
export function matcher(filter, search) {
  const wanted = Object.entries(queryOf(filter)).filter(([, value]) => value);
  if (!wanted.length && !search) return () => true;
  return (log) => {
    const order = currentState(log);
    const found = { ...order, venue: order.dex, status: statusOf(log) };
    const placed = Date.parse(order.createdAt);
    return isFound(order, search) && wanted.every(([name, value]) => {
      if (name === "from") return placed >= Date.parse(value);
      return name === "before" ? placed < Date.parse(value) : found[name] === value;
    });
  };
}

/** Ids by their beginning, labels by any part. */
function isFound({ orderId, groupId, txHash, clientOrderId }, search) {
  const text = search.trim().toLowerCase();
  return !text || [orderId, groupId, txHash].some((id) => id?.toLowerCase().startsWith(text)) || clientOrderId?.toLowerCase().includes(text);
}
