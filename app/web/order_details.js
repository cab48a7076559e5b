// One order, opened: why its venue won, what it asked and got, how long each step took, and its whole log.

import { amount } from "./amount.js";
import { duration, exact, moment, now } from "./clock.js";
import { comparison, verdict } from "./comparison.js";
import { toPercent } from "./money.js";
import { decision, isWhole, standing, statusOf } from "./order_log.js";
import { chart } from "./progress.js";
import { advice, plain, sentence, venueName } from "./messages.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";

const MEANS = {
  pending: "accepted, and waits for its start",
  routing: "both venues are asked",
  building: "the better venue is chosen",
  submitted: "the signed swap is on record, and is sent",
  confirmed: "filled",
  failed: "it will never be filled",
  cancelled: "withdrawn before anything was sent",
};

export function details(story, decimals) {
  const order = standing(story);
  if (!isWhole(story)) return html`<p class="hint">Reading its log …</p>`;
  const routed = decision(story);
  return html`
    ${outcome(order)}
    <div class="told">
      ${routed
        ? html`<section><h3>Why ${venueName(routed.dex)}</h3>${verdict(routed.quotes, order.tokenOut, true)}
            ${comparison({ quotes: routed.quotes, tokenIn: order.tokenIn, tokenOut: order.tokenOut, decimals, fixed: routed.minAmountOut, caption: "What the venues offered when the order was built" })}</section>`
        : nothing}
      <section>${chart(story, now())}</section>
    </div>
    <section><h3>Order</h3>${facts(order)}</section>
    <section class="whole"><h3>Log</h3>${log(story)}</section>`;
}

function outcome(order) {
  if (order.status === "failed") {
    return html`<p class="trouble"><strong>Failed: ${plain(order.code ?? "unknown")}.</strong> ${sentence(order.error ?? "")} ${advice(order.code)}</p>`;
  }
  if (order.status === "cancelled") return html`<p class="quiet">Cancelled: nothing was swapped.</p>`;
  if (order.status === "pending" && order.code) {
    return html`<p class="caution"><strong>Try ${order.attempt} did not work: ${plain(order.code)}.</strong> ${sentence(order.error ?? "")} It is tried again by itself.</p>`;
  }
  return nothing;
}

function facts(order) {
  const rows = [
    ["Gives", amount(order.amount, order.tokenIn)],
    ["Got", order.status === "confirmed" ? amount(order.amountOut, order.tokenOut) : null],
    ["At least", order.minAmountOut && amount(order.minAmountOut, order.tokenOut)],
    ["Price", order.executedPrice && html`${amount(order.executedPrice, order.tokenOut)} for 1 ${order.tokenIn}`],
    ["Venue", order.dex && venueName(order.dex)],
    ["Slippage", `${toPercent(order.slippageBps)} %`],
    ["Only on", order.venues && order.venues.map(venueName).join(", ")],
    ["Tries", order.attempt || null],
    ["Placed", moment(order.createdAt)],
    ["Label", order.clientOrderId],
    ["Tries again", order.retryOf && html`<code>${order.retryOf}</code>`],
    ["Transaction", order.txHash && html`<code>${order.txHash}</code>`],
    ["Order id", html`<code>${order.orderId}</code>`],
  ];
  return html`<dl class="facts">${rows.filter(([, value]) => value !== null && value !== undefined).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function log(story) {
  let before = null;
  return html`<ol class="log">
    ${story.events.map((event) => {
      const gap = before === null ? null : Date.parse(event.at) - before;
      before = Date.parse(event.at);
      return html`<li><span class="seq">${event.seq}</span><time datetime=${event.at}>${exact(event.at)}</time>
        <span class="after">${gap === null ? "" : `+${duration(gap)}`}</span>
        <span class="event"><b class="status ${event.status}">${event.status}</b> ${told(event)}</span></li>`;
    })}
  </ol>`;
}

function told(event) {
  switch (event.status) {
    case "building":
      return html`on ${venueName(event.dex)} at ${amount(event.price)}, at least ${amount(event.minAmountOut)}`;
    case "submitted":
      return html`transaction <code title=${event.txHash}>${event.txHash.slice(0, 8)}…${event.txHash.slice(-6)}</code>`;
    case "confirmed":
      return html`filled on ${venueName(event.dex)}: ${amount(event.amountOut)} at ${amount(event.executedPrice)}`;
    case "failed":
    case "pending":
      if (event.code) {
        const wait = event.retryInMs ? ` Again in ${duration(event.retryInMs)}.` : "";
        return `${plain(event.code)}: ${sentence(event.error ?? "")}${wait}`;
      }
      return MEANS[event.status];
    default:
      return event.attempt > 1 && event.status === "routing" ? `${MEANS.routing}, try ${event.attempt}` : MEANS[event.status];
  }
}

/** In a few words, for its row. */
export function inShort(story, engine) {
  const order = standing(story);
  const last = story.events.at(-1);
  switch (statusOf(story)) {
    case "pending":
      if (last?.retryInMs !== undefined) {
        const left = Date.parse(last.at) + last.retryInMs - now();
        return left > 0 ? `${plain(last.code)}; again in ${duration(left)}` : `${plain(last.code)}; in line again`;
      }
      return engine.whyWaiting() ?? "in line";
    case "routing":
      return order.attempt > 1 ? `try ${order.attempt}: asking both venues` : "asking both venues";
    case "building":
      return `${venueName(order.dex)} won`;
    case "submitted":
      return `sent to ${venueName(order.dex)}`;
    case "confirmed":
      return `on ${venueName(order.dex)} in ${duration(Date.parse(order.updatedAt) - Date.parse(order.createdAt))}`;
    case "failed":
      return order.attempt > 1 ? `${plain(order.code ?? "unknown")}, after ${order.attempt} tries` : plain(order.code ?? "unknown");
    default:
      return "nothing was swapped";
  }
}
