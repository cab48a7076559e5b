// What the engine says in codes, said in words: what happened, and what to do.

import { minus, parts, toUnits } from "./money.js";

const NAMES = { raydium: "Raydium", meteora: "Meteora" };

export const venueName = (venue) => NAMES[venue] ?? venue;

/** Why the winner wins, or won: one sentence about each venue that loses. */
export function why(quotes, tokenOut, past) {
  const winner = quotes.find((quote) => quote.won);
  if (!winner) return quotes.map((quote) => `${venueName(quote.venue)}: ${sentence(quote.reason)}`);
  const [wins, offers, is] = past ? ["won", "offered", "was"] : ["wins", "offers", "is"];
  const name = venueName(winner.venue);
  const others = quotes.filter((quote) => !quote.won);
  if (!others.length) return [`${name} ${wins}: it ${is} the only venue that was asked.`];
  return others.map((quote) => {
    const other = venueName(quote.venue);
    if (quote.error) return `${name} ${wins}: ${other} ${is} out of the running. ${sentence(quote.reason)}`;
    const less = minus(winner.amountOut, quote.amountOut);
    const gap = toUnits(less, 18) > 0n ? `${other} ${offers} ${parts(less).join("")} ${tokenOut} less` : `${other} ${offers} less after network fees`;
    return `${name} ${wins} with the ${winner.reason}: ${gap} (${quote.reason}).`;
  });
}

export function sentence(said) {
  return said === "" || said.endsWith(".") ? said : `${said}.`;
}

const ADVICE = {
  slippage_exceeded: "The price moved against it by more than the slippage it allows. Allow more, or try again when the market is calmer.",
  blockhash_expired: "The chain was too slow to take it. Nothing was swapped; place it again.",
  tx_dropped: "The chain never took the swap, and no longer can. Nothing was swapped; place it again.",
  tx_failed: "The chain refused the swap. Nothing was swapped; place it again.",
  rpc_timeout: "A venue took too long to answer. Place it again in a moment.",
  venue_unavailable: "No venue could be reached. Place it again when one is back.",
  insufficient_liquidity: "The pools do not hold enough for this amount. Swap less.",
  price_impact_too_high: "So large a swap would move the price too far. Swap less, or in several parts.",
  insufficient_funds: "There is not enough of the token to give. Swap less.",
  unsupported_pair: "No venue has a way from the one token to the other. Choose another pair.",
  zero_output: "So little goes in that nothing would come out. Swap more.",
  expired: "It was not started in time. Place it again.",
  internal_error: "The engine made a mistake. Its log has the details; place the order again.",
  worker_lost: "The worker that had it stopped. Another one takes over.",
};

export const advice = (code) => ADVICE[code] ?? "";

/** "venue_unavailable" for the eye. */
export const plain = (code) => code.replaceAll("_", " ");

const DO = {
  away: "Your order may still have been taken: look at the list once the engine is back.",
  too_many_orders: "Wait a few seconds, then send it again.",
  queue_share_full: "Wait until some of yours are done, then send it again.",
  queue_full: "Wait a little, then send it again.",
  database_unavailable: "Your order may have been taken: look at the list in a moment before you send another.",
};

/** An error of a request: the engine's own sentence, each field's, and what to do. */
export function explain(problem) {
  const fields = problem.errors.map(({ message }) => sentence(message[0].toUpperCase() + message.slice(1)));
  return [...(fields.length ? fields : [problem.message]), DO[problem.code] ?? ""].filter(Boolean).join(" ");
}
