// The peer's API: an order is answered when it is in Postgres and in the queue.
import { createHash, randomUUID } from 'node:crypto'
import { Queue } from 'bullmq'
import Fastify from 'fastify'
import { CHANNEL, PREFIX, QUEUE, connect } from './pubsub.js'
import { byKey, openPool, place, eventText } from './store.js'
import { listen } from './sockets.js'
import { baseUnits, known } from './venues.js'

// 16 or 32 connections: 250 to 310 µs of processor per order in all, either way. ioredis's auto-pipelining costs this
// process some 10 µs an order and gains Redis as much: this process is what is scarce.
const pool = openPool(16)
const redis = connect()
const queue = new Queue(QUEUE, {
  connection: redis,
  prefix: PREFIX,
  skipMetasUpdate: true,
  streams: { events: { maxLen: 1 } },
  defaultJobOptions: { removeOnComplete: true, removeOnFail: 1000, attempts: 3, backoff: { type: 'exponential', delay: 2000 } }
})

const app = Fastify({ logger: false, ajv: { customOptions: { coerceTypes: false, removeAdditional: false } } })

const body = {
  type: 'object',
  required: ['tokenIn', 'tokenOut', 'amount'],
  additionalProperties: false,
  properties: {
    tokenIn: { type: 'string', maxLength: 44 },
    tokenOut: { type: 'string', maxLength: 44 },
    amount: { type: ['number', 'string'] },
    slippageBps: { type: 'integer', minimum: 0, maximum: 10000 },
    orderType: { type: 'string', enum: ['market'] }
  }
}
const answer = {
  type: 'object',
  properties: {
    success: { type: 'boolean' },
    orderId: { type: 'string' },
    status: { type: 'string' },
    message: { type: 'string' },
    wsUrl: { type: 'string' },
    createdAt: { type: 'string' },
    idempotent: { type: 'boolean' }
  }
}

function acceptedBody(request, id, status, createdAt, idempotent) {
  return {
    success: true,
    orderId: id,
    status,
    message: 'Order queued successfully',
    wsUrl: `ws://${request.headers.host}/api/orders/execute?orderId=${id}`,
    createdAt,
    idempotent
  }
}

const refuse = (reply, code, detail) => reply.code(code).send({ status: code, detail })

app.post('/api/orders/execute', { schema: { body, response: { 200: answer, 202: answer } } }, async (request, reply) => {
  const { tokenIn, tokenOut, amount, slippageBps = 50 } = request.body
  if (!known(tokenIn) || !known(tokenOut) || tokenIn === tokenOut) return refuse(reply, 422, 'unsupported pair')
  const amountIn = baseUnits(tokenIn, String(amount))
  if (amountIn === undefined) return refuse(reply, 422, 'amount is not one')
  const key = request.headers['idempotency-key'] ?? null
  const fingerprint = key && createHash('sha256').update(JSON.stringify([tokenIn, tokenOut, `${amountIn}`, slippageBps])).digest('hex')
  const id = randomUUID()
  const order = { id, owner: 'local', tokenIn, tokenOut, amountIn: `${amountIn}`, slippageBps, key, fingerprint }
  const at = await place(pool, order)
  if (at === undefined) {
    const before = await byKey(pool, order.owner, key)
    if (before.fingerprint !== fingerprint) return refuse(reply, 422, 'this key has another order')
    reply.code(200)
    return acceptedBody(request, before.id, before.status, before.created_at, true)
  }
  // Both on one connection: subscribers receive the event before a worker can take the order.
  redis.publish(CHANNEL, eventText(id, 1, 'pending', 0, at)).catch(() => {})
  await queue.add('execute', { tokenIn, tokenOut, amountIn: order.amountIn, slippageBps }, { jobId: id })
  reply.code(202)
  return acceptedBody(request, id, 'pending', at, false)
})

app.get('/health/live', async () => ({ status: 'ok' }))

await listen(app.server, pool)
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT), backlog: 2048 })

process.on('SIGTERM', async () => {
  await app.close()
  process.exit(0)
})
