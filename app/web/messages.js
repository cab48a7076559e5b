// The engine's codes and reasons as sentences: what happened, and what to do.

import { groupDigits, subtract, toUnits } from "./money.js";

const NAMES = { raydium: "Raydium", meteora: "Meteora" };

export const venueName = (venue) => NAMES[venue] ?? venue;

/** Why the winner was chosen: one sentence per other venue. */
export function explainChoice(quotes, tokenOut, past) {
  const winner = quotes.find((quote) => quote.won);
  if (!winner) return quotes.map((quote) => `${venueName(quote.venue)}: ${sentence(quote.reason)}`);
  const [has, offers, is] = past ? ["had", "offered", "was"] : ["has", "offers", "is"];
  const name = venueName(winner.venue);
  const others = quotes.filter((quote) => !quote.won);
  if (!others.length) return [`${name} ${is} the only venue that was asked.`];
  return others.map((quote) => {
    const other = venueName(quote.venue);
    if (quote.error) return `${name} ${has} the best net price. ${other} ${is} excluded: ${sentence(quote.reason)}`;
    const less = subtract(winner.amountOut, quote.amountOut);
    const gap = toUnits(less, 18) > 0n ? `${other} ${offers} ${groupDigits(less).join("")} ${tokenOut} less` : `${other} ${offers} less after network fees`;
    return `${name} ${has} the best net price: ${gap} (${quote.reason}).`;
  });
}

/** The text with a full stop, unless it ends as a sentence. */
export function sentence(text) {
  return text === "" || /[.?!]$/.test(text) ? text : `${text}.`;
}

const ADVICE = {
  slippage_exceeded: "The price got worse by more than the slippage limit. Allow more slippage, or try again in a calmer market.",
  blockhash_expired: "The chain did not include the swap in time. Nothing was swapped. Place the order again.",
  tx_dropped: "The chain never included the swap, and no longer can. Nothing was swapped. Place the order again.",
  tx_failed: "The chain rejected the swap. Nothing was swapped. Place the order again.",
  rpc_timeout: "A venue took too long to answer. Place the order again in a moment.",
  venue_unavailable: "No venue could be reached. Place the order again when a venue is available.",
  insufficient_liquidity: "The pools do not hold enough for this amount. Swap less.",
  price_impact_too_high: "A swap of this size would move the price too far. Swap less, or split it into several orders.",
  insufficient_funds: "The wallet does not hold enough of the token to pay. Swap less.",
  unsupported_pair: "No venue has a route for this pair. Choose another pair.",
  unsafe_transaction: "The venue built a transaction that is not safe to sign, so it was not signed.",
  zero_output: "The amount is too small to receive anything. Swap more.",
  no_slice_filled: "Nothing was swapped. The log of each slice says why.",
  expired: "The order was not started in time. Place it again.",
  risk_limit: "The price rose, and the order was worth more than your limit when it was to be signed. Nothing was swapped. Swap less.",
  internal_error: "The engine failed unexpectedly. Its log has the details. Place the order again.",
  halted: "Trading is halted. The order starts again once an operator releases it.",
  worker_lost: "The worker that ran the order stopped. Another worker takes over.",
};

// Codes of events that are no failures.
const REASONS = {
  dead_man: "The dead man's switch of its owner was not renewed in time.",
  sibling_filled: "The other order of its group was filled.",
  parent_ended: "The order that it belongs to has ended.",
  entered: "The entry of its group was filled: it waits from now on, with what that brought.",
  launched: "Its token is traded: it waits for its price.",
  amended: "It was amended, and waits as before.",
};

/** Why an order was cancelled, or what has happened to one that waits; empty: the owner did it. */
export const reason = (code) => REASONS[code] ?? "";

// A retry sends the same order again, and ends in the same way.
const INCURABLE = new Set(["insufficient_liquidity", "price_impact_too_high", "insufficient_funds", "unsupported_pair", "unsafe_transaction", "zero_output", "risk_limit"]);

/** Whether the same order may be filled if it is sent again. */
export const isCurable = (code) => !INCURABLE.has(code);

export const advice = (code) => ADVICE[code] ?? "";

/** "venue_unavailable" becomes "venue unavailable". */
export const readable = (code) => code.replaceAll("_", " ");

const NEXT_STEP = {
  unreachable: "If you sent an order, it may have been accepted: check the list when the engine is back.",
  too_many_orders: "Wait a few seconds, then send it again.",
  too_many_reads: "Wait a few seconds, then read it again.",
  queue_share_full: "Wait until some of your orders are done, then send it again.",
  queue_full: "Wait a moment, then send it again.",
  risk_limit: "To trade more, ask the operator to raise your limit.",
  trading_reducing: "Your order was not placed. Orders under way go on.",
  trading_halted: "Your order was not placed. Send it again once an operator has released trading.",
  database_unavailable: "If you sent an order, it may have been accepted: check the list before you send another.",
};

/** A failed request in words: the engine's message, or its message about each field, and what to do next. */
export function explain(problem) {
  const fields = problem.errors.map(({ message }) => sentence(message[0].toUpperCase() + message.slice(1)));
  return [...(fields.length ? fields : [problem.message]), NEXT_STEP[problem.code] ?? ""].filter(Boolean).join(" ");
}
