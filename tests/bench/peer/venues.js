// Two mock venues without delay: a constant product pool, and one with a fixed price and a fee of its own.
const DECIMALS = { SOL: 9, USDC: 6, USDT: 6, BONK: 5 }
const POOLS = {
  raydium: { feeBps: 30n, reserves: { SOL: 50_000n * 10n ** 9n, USDC: 7_500_000n * 10n ** 6n } },
  meteora: { feeBps: 20n, price: { SOL: [149n * 10n ** 6n, 10n ** 9n], USDC: [10n ** 9n, 150n * 10n ** 6n] } }
}

export const known = (token) => token in DECIMALS

export function baseUnits(token, amount) {
  const match = /^(\d{1,20})(?:\.(\d{1,18}))?$/.exec(amount)
  if (!match || (match[2]?.length ?? 0) > DECIMALS[token]) return undefined
  const units = BigInt(match[1] + (match[2] ?? '').padEnd(DECIMALS[token], '0'))
  return units > 0n && units < 1n << 64n ? units : undefined
}

async function raydium({ tokenIn, tokenOut, amountIn }) {
  const { feeBps, reserves } = POOLS.raydium
  const paid = (amountIn * (10_000n - feeBps)) / 10_000n
  return { dex: 'raydium', amountOut: (reserves[tokenOut] * paid) / (reserves[tokenIn] + paid) }
}

async function meteora({ tokenIn, amountIn }) {
  const { feeBps, price } = POOLS.meteora
  const [over, under] = price[tokenIn]
  return { dex: 'meteora', amountOut: (((amountIn * (10_000n - feeBps)) / 10_000n) * over) / under }
}

export const quotes = (order) => Promise.all([raydium(order), meteora(order)])

export const price = ({ tokenIn, tokenOut, amountIn }, amountOut) =>
  Number(amountOut) / 10 ** DECIMALS[tokenOut] / (Number(amountIn) / 10 ** DECIMALS[tokenIn])
