// The details of one order: why its venue was chosen, its amounts, the time of each step, and its whole log.

import { amount, price } from "./amount.js";
import { dateTime, duration, now, preciseTime } from "./clock.js";
import { comparison, explanation } from "./comparison.js";
import { slicesText, waitsFor } from "./conditions.js";
import { copyable } from "./copying.js";
import { toPercent } from "./money.js";
import { currentState, isComplete, routingDecision, statusOf } from "./order_log.js";
import { timingChart } from "./progress.js";
import { advice, readable, reason, sentence, venueName } from "./messages.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";

const STATUS_TEXT = {
  open: "accepted, waiting for its condition",
  pending: "accepted, waiting for a start",
  routing: "asking both venues",
  building: "the better venue is chosen",
  submitted: "the signed swap is recorded and sent",
  confirmed: "filled",
  completed: "every slice has ended",
  failed: "not filled",
  expired: "not filled in time",
  cancelled: "cancelled, nothing was swapped",
};

export function details(log, decimals) {
  const order = currentState(log);
  if (!isComplete(log)) return html`<p class="hint">Loading the log …</p>`;
  const decision = routingDecision(log);
  return html`
    ${outcome(order)}
    <div class="decision">
      ${decision
        ? html`<section><h3>Why ${venueName(decision.dex)}</h3>${explanation(decision.quotes, order.tokenOut, true)}
            ${comparison({ quotes: decision.quotes, tokenIn: order.tokenIn, tokenOut: order.tokenOut, decimals, orderMinimum: decision.minAmountOut, caption: "Quotes when the order was built" })}</section>`
        : nothing}
      <section>${timingChart(log, now())}</section>
    </div>
    <section><h3>Order</h3>${facts(order, log.events.at(-1))}</section>
    <section class="full-width"><h3>Log</h3>${eventList(log)}</section>`;
}

function outcome(order) {
  if (order.status === "failed") {
    return html`<p class="error-box"><strong>Failed: ${readable(order.code ?? "unknown")}.</strong> ${sentence(order.error ?? "")} ${advice(order.code)}</p>`;
  }
  const kept = order.slices?.filled ? "What its slices brought is yours." : "Nothing was swapped.";
  if (order.status === "expired") return html`<p class="info-box">Expired. ${kept} ${sentence(order.error ?? "")}</p>`;
  if (order.status === "cancelled") return html`<p class="info-box">Cancelled. ${kept} ${reason(order.code)}</p>`;
  if (order.status === "pending" && order.code) {
    return html`<p class="warning-box"><strong>Attempt ${order.attempt} failed: ${readable(order.code)}.</strong> ${sentence(order.error ?? "")} The engine retries it automatically.</p>`;
  }
  return nothing;
}

/** `last`: its newest event. On a real chain that of a fill says what it cost, and where people look at it. */
function facts(order, { networkFee: paidFee, explorerUrl }) {
  const rows = [
    ["Type", order.orderType !== "market" && waitsFor(order)],
    ["Expires", order.orderType !== "market" && order.expiresAt && dateTime(order.expiresAt)],
    ["You pay", amount(order.amount, order.tokenIn)],
    ["Slices", order.slices && slicesText(order)],
    ["Swapped", order.slices?.filled && html`${amount(order.filledIn, order.tokenIn)} for ${amount(order.filledOut, order.tokenOut)}`],
    ["Average price", order.avgPrice && price(order.avgPrice, order)],
    ["You received", order.status === "confirmed" ? amount(order.amountOut, order.tokenOut) : null],
    ["Minimum", order.minAmountOut && amount(order.minAmountOut, order.tokenOut)],
    ["Price", order.executedPrice && price(order.executedPrice, order)],
    ["Network fee", paidFee && amount(paidFee, "SOL")],
    ["Venue", order.dex && venueName(order.dex)],
    ["Slippage", `${toPercent(order.slippageBps)} %`],
    ["Only on", order.venues && order.venues.map(venueName).join(", ")],
    ["Attempts", order.attempt || null],
    ["Placed", dateTime(order.createdAt)],
    ["Label", order.clientOrderId],
    ["Group", order.groupId && copyable(order.groupId, "the group id")],
    ["Slice of", order.parentId && html`<code>${order.parentId}</code>`],
    ["Retry of", order.retryOf && html`<code>${order.retryOf}</code>`],
    ["Transaction", order.txHash && copyable(order.txHash, "the transaction")],
    ["Explorer", URL.parse(explorerUrl)?.protocol === "https:" && html`<a href=${explorerUrl} target="_blank" rel="noreferrer">See it on the chain</a>`],
    ["Order id", copyable(order.orderId, "the order id")],
  ];
  return html`<dl class="facts">${rows.filter(([, value]) => value).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function eventList(log) {
  let previous = null;
  return html`<ol class="log">
    ${log.events.map((event) => {
      const elapsed = previous === null ? null : Date.parse(event.at) - previous;
      previous = Date.parse(event.at);
      return html`<li><span class="seq">${event.seq}</span><time datetime=${event.at}>${preciseTime(event.at)}</time>
        <span class="elapsed">${elapsed === null ? "" : `+${duration(elapsed)}`}</span>
        <span class="event"><b class="status ${event.status}">${event.status}</b> ${eventText(event, log.snapshot)}</span></li>`;
    })}
  </ol>`;
}

function eventText(event, order) {
  const at = (value) => price(value, order, { unit: false });
  switch (event.status) {
    case "building":
      return html`on ${venueName(event.dex)} at ${at(event.price)}, minimum ${amount(event.minAmountOut)}`;
    case "submitted":
      return html`transaction <code title=${event.txHash}>${event.txHash.slice(0, 8)}…${event.txHash.slice(-6)}</code>`;
    case "confirmed":
      return html`filled on ${venueName(event.dex)}: ${amount(event.amountOut)} at ${at(event.executedPrice)}`;
    case "cancelled":
      return reason(event.code) || STATUS_TEXT.cancelled;
    case "failed":
    case "open":
    case "pending":
      if (event.slice) return `slice ${event.slice} of its order`;
      if (event.trigger && event.status === "pending") return html`fired: the price was ${at(event.trigger.price)}, and it waited for ${at(event.trigger.level)}`;
      if (event.code === "rearmed") return `waits for its condition again: ${readable(event.why ?? "the price was lost")}`;
      if (reason(event.code)) return reason(event.code);
      if (event.code) {
        const wait = event.retryInMs ? ` Retry in ${duration(event.retryInMs)}.` : "";
        return `${readable(event.code)}: ${sentence(event.error ?? "")}${wait}`;
      }
      return STATUS_TEXT[event.status];
    default:
      return event.attempt > 1 && event.status === "routing" ? `${STATUS_TEXT.routing}, attempt ${event.attempt}` : STATUS_TEXT[event.status];
  }
}

/** The few words in the order's row. */
export function summary(log, queueStatus) {
  const order = currentState(log);
  const last = log.events.at(-1);
  if (order.slices) return slicesText(order);
  switch (statusOf(log)) {
    case "open":
      return waitsFor(order);
    case "pending":
      if (last?.retryInMs !== undefined) {
        const left = Date.parse(last.at) + last.retryInMs - now();
        return left > 0 ? `${readable(last.code)}; retry in ${duration(left)}` : `${readable(last.code)}; queued again`;
      }
      return queueStatus.waitingReason() ?? "queued";
    case "routing":
      return order.attempt > 1 ? `attempt ${order.attempt}: asking both venues` : "asking both venues";
    case "building":
      return `${venueName(order.dex)} chosen`;
    case "submitted":
      return `sent to ${venueName(order.dex)}`;
    case "confirmed":
      return `on ${venueName(order.dex)} in ${duration(Date.parse(order.updatedAt) - Date.parse(order.createdAt))}`;
    case "expired":
      return "not filled in time";
    case "failed":
      return order.attempt > 1 ? `${readable(order.code ?? "unknown")}, after ${order.attempt} attempts` : readable(order.code ?? "unknown");
    default:
      return "nothing was swapped";
  }
}
