// The peer's worker: each step is committed to Postgres before it is published.
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'bullmq'
import { CHANNEL, PREFIX, QUEUE, connect } from './pubsub.js'
import { move, openPool } from './store.js'
import { price, quotes } from './venues.js'

const concurrency = Number(process.env.WORKER_CONCURRENCY ?? 10)
const quoteMs = Number(process.env.MOCK_QUOTE_MS ?? 0)
const [minMs, maxMs] = [Number(process.env.MOCK_EXECUTION_MS_MIN ?? 0), Number(process.env.MOCK_EXECUTION_MS_MAX ?? 0)]

// A connection for each order that runs; twice as many made no difference. With auto-pipelining all processes together
// need a little less of the processor per order, and they share it.
const pool = openPool(Math.min(concurrency, 20))
const redis = connect({ enableAutoPipelining: true })

async function execute(job) {
  const order = { ...job.data, amountIn: BigInt(job.data.amountIn) }
  const attempt = job.attemptsMade + 1
  let status = 'pending'
  const go = async (next, details) => {
    const event = await move(pool, job.id, status, next, attempt, details)
    if (event === undefined) throw new Error(`the order is not ${status}`)
    status = next
    redis.publish(CHANNEL, event).catch(() => {})
  }

  await go('routing')
  if (quoteMs) await sleep(quoteMs)
  const found = await quotes(order)
  const best = found[0].amountOut >= found[1].amountOut ? found[0] : found[1]
  const minAmountOut = (best.amountOut * BigInt(10_000 - order.slippageBps)) / 10_000n
  await go('building', {
    dex: best.dex,
    price: price(order, best.amountOut),
    minAmountOut: `${minAmountOut}`,
    quotes: found.map(({ dex, amountOut }) => ({ dex, amountOut: `${amountOut}` }))
  })
  const txHash = randomBytes(32).toString('hex')
  await go('submitted', { txHash })
  if (maxMs) await sleep(minMs + Math.random() * (maxMs - minMs))
  await go('confirmed', {
    txHash,
    dex: best.dex,
    executedPrice: price(order, best.amountOut),
    amountOut: `${best.amountOut}`
  })
}

const worker = new Worker(QUEUE, execute, {
  connection: connect(),
  prefix: PREFIX,
  concurrency,
  removeOnComplete: { count: 0 },
  skipMetasUpdate: true
})
worker.on('error', () => {})

process.on('SIGTERM', async () => {
  await worker.close()
  process.exit(0)
})
