// Candles of the prices in the chart, at each moment that of the better venue.

/** `points`: [[seconds, {venue: price}]], oldest first; `better(...prices)`. The same with {open, high, low, close}, at the middle of each candle. */
export function candles(points, seconds, better) {
  const found = new Map();
  for (const [time, venues] of points) {
    const prices = Object.values(venues);
    if (!prices.length) continue;
    const price = better(...prices);
    const at = Math.floor(time / seconds) * seconds + seconds / 2;
    const { open = price, high = price, low = price } = found.get(at) ?? {};
    found.set(at, { open, high: Math.max(high, price), low: Math.min(low, price), close: price });
  }
  return [...found];
}

/** Hollow if the price has risen, filled if it has fallen. `xOf`, `yOf`: pixels of seconds and of a price. */
export function drawCandles(ctx, points, { seconds, xOf, yOf, px, colours }) {
  ctx.lineWidth = px;
  for (const [at, { open, high, low, close }] of points) {
    const [left, right, centre] = [xOf(at - seconds * 0.35), xOf(at + seconds * 0.35), xOf(at)];
    const [top, bottom] = [yOf(Math.max(open, close)), yOf(Math.min(open, close))];
    const rises = close >= open;
    ctx.strokeStyle = ctx.fillStyle = rises ? colours.buys : colours.sells;
    ctx.beginPath();
    ctx.moveTo(centre, yOf(high));
    ctx.lineTo(centre, top);
    ctx.moveTo(centre, bottom);
    ctx.lineTo(centre, yOf(low));
    ctx.stroke();
    const body = [left, top, Math.max(px, right - left), Math.max(px, bottom - top)];
    if (!rises) ctx.fillRect(...body);
    ctx.strokeRect(...body);
  }
}
