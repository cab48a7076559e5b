// What fills add up to, in pure functions: how much of each token they left, what that cost, and what was gained.

const DOLLARS = new Set(["USDC", "USDT"]);

/** What a swap was worth: exactly if it was for dollars, or else by the market's price when the order was accepted. */
const worthOf = ({ tokenIn, tokenOut, amount, amountOut, valueUsd }) => Number(DOLLARS.has(tokenOut) ? amountOut : DOLLARS.has(tokenIn) ? amount : (valueUsd ?? 0));

/**
 * By average cost, in dollars. `fills`: orders, oldest first. What was sold without having been
 * bought here has no known cost: it adds to `balance` and to no profit.
 */
export function positionsOf(fills) {
  const positions = new Map();
  const of = (token) => {
    if (!positions.has(token)) positions.set(token, { token, balance: 0, held: 0, cost: 0, realised: 0, fills: 0 });
    return positions.get(token);
  };
  for (const fill of fills) {
    const { tokenIn, tokenOut, amount, amountOut } = fill;
    const [sold, bought, value] = [Number(amount), Number(amountOut), worthOf(fill)];
    const from = of(tokenIn);
    const known = sold > 0 ? Math.min(from.held, sold) / sold : 0;
    const cost = from.held > 0 ? (from.cost * sold * known) / from.held : 0;
    Object.assign(from, { balance: from.balance - sold, held: from.held - sold * known, cost: from.cost - cost, realised: from.realised + value * known - cost, fills: from.fills + 1 });
    const to = of(tokenOut);
    Object.assign(to, { balance: to.balance + bought, held: to.held + bought, cost: to.cost + value, fills: to.fills + 1 });
  }
  return [...positions.values()];
}

/** The same with what is held valued at `prices`: token → dollars, or nothing if it has none. */
export function valued(position, prices) {
  const price = prices.get(position.token);
  const worth = price === undefined ? null : position.held * price;
  return { ...position, worth, unrealised: worth === null ? null : worth - position.cost };
}
