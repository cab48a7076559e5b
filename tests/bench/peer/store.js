// All writes to Postgres: one statement per step changes the row and logs the event.
import pg from 'pg'

const TIMESTAMPTZ = 1184
pg.types.setTypeParser(TIMESTAMPTZ, (text) => text) // as text: no code here computes with them

export const openPool = (max) => new pg.Pool({ connectionString: process.env.DATABASE_URL, max, idleTimeoutMillis: 0 })

// Named, so that each connection parses and plans it once.
const PLACE = {
  name: 'place',
  text: `
    WITH placed AS (
      INSERT INTO orders (id, owner, token_in, token_out, amount_in, slippage_bps, idempotency_key, fingerprint,
                          status, seq)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'pending', 1)
      ON CONFLICT DO NOTHING
      RETURNING id, created_at
    )
    INSERT INTO order_events (order_id, seq, status, attempt, at) SELECT id, 1, 'pending', 0, created_at FROM placed
    RETURNING at`
}
const BY_KEY = {
  name: 'by-key',
  text: 'SELECT id, status, fingerprint, created_at FROM orders WHERE owner = $1 AND idempotency_key = $2'
}
const MOVE = {
  name: 'move',
  text: `
    WITH moved AS (
      UPDATE orders SET status = $3, seq = seq + 1, attempt = $4, dex = coalesce($6, dex),
             tx_hash = coalesce($7, tx_hash), executed_price = $8, amount_out = $9, updated_at = now()
       WHERE id = $1 AND status = $2
      RETURNING id, seq, updated_at
    )
    INSERT INTO order_events (order_id, seq, status, attempt, at, details)
    SELECT id, seq, $3, $4, updated_at, $5 FROM moved
    RETURNING seq, at`
}
const LOG = {
  name: 'log',
  text: 'SELECT seq, status, attempt, at, details FROM order_events WHERE order_id = $1 AND seq > $2 ORDER BY seq'
}

const query = (statement, values) => ({ name: statement.name, text: statement.text, values })

// Returns the time of the order; undefined if the key has been used before.
export async function place(pool, order) {
  const { rows } = await pool.query(
    query(PLACE, [
      order.id, order.owner, order.tokenIn, order.tokenOut, order.amountIn, order.slippageBps, order.key,
      order.fingerprint
    ])
  )
  return rows[0]?.at
}

export async function byKey(pool, owner, key) {
  return (await pool.query(query(BY_KEY, [owner, key]))).rows[0]
}

// Returns the event as it will be published; undefined if the order does not have the expected status.
export async function move(pool, id, before, after, attempt, fields = {}) {
  const { dex = null, txHash = null, executedPrice = null, amountOut = null } = fields
  const details = JSON.stringify(fields)
  const { rows } = await pool.query(
    query(MOVE, [id, before, after, attempt, details, dex, txHash, executedPrice, amountOut])
  )
  return rows.length ? eventText(id, rows[0].seq, after, attempt, rows[0].at, details) : undefined
}

export async function log(pool, id, after) {
  const { rows } = await pool.query(query(LOG, [id, after]))
  return rows.map((row) => ({
    seq: row.seq,
    text: eventText(id, row.seq, row.status, row.attempt, row.at, row.details && JSON.stringify(row.details))
  }))
}

export function eventText(id, seq, status, attempt, at, details) {
  const rest = details && details !== '{}' ? `,${details.slice(1)}` : '}'
  return `{"orderId":"${id}","seq":${seq},"status":"${status}","attempt":${attempt},"at":"${at.replace(' ', 'T')}"${rest}`
}
