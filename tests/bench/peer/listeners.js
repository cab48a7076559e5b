// WebSockets: one subscription per process, handed on to whoever watches the order; replay first, then live.
import { WebSocketServer } from 'ws'
import { CHANNEL, connect } from './bell.js'
import { log } from './book.js'

const TERMINAL = new Set(['confirmed', 'failed'])
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const ID_AT = '{"orderId":"'.length

const ofOrder = new Map() // order → its listeners
const ofAll = new Set()

class Listener {
  constructor(socket, order, after) {
    Object.assign(this, { socket, order, last: after, held: [] })
  }

  // Before the replay is told, what is live waits; after it, what was told is dropped.
  hear(event) {
    if (this.held) this.held.push(event)
    else this.tell(event)
  }

  tell({ seq, status, text }) {
    if (seq <= this.last) return
    this.last = seq
    this.socket.send(text)
    if (TERMINAL.has(status)) this.socket.close(1000)
  }

  caughtUp() {
    const held = this.held
    this.held = null
    held.forEach((event) => this.tell(event))
  }
}

function handOut(text) {
  for (const socket of ofAll) socket.send(text)
  const listeners = ofOrder.get(text.slice(ID_AT, ID_AT + 36))
  if (!listeners) return
  const { seq, status } = JSON.parse(text)
  for (const listener of listeners) listener.hear({ seq, status, text })
}

async function watch(pool, socket, order, after) {
  const listener = new Listener(socket, order, after)
  if (!ofOrder.has(order)) ofOrder.set(order, new Set())
  const listeners = ofOrder.get(order).add(listener)
  socket.on('close', () => {
    listeners.delete(listener)
    if (!listeners.size && ofOrder.get(order) === listeners) ofOrder.delete(order)
  })
  const events = await log(pool, order, after)
  if (!events.length && after === 0) return socket.close(4404, 'there is no such order')
  for (const { seq, text } of events) listener.tell({ seq, status: JSON.parse(text).status, text })
  listener.caughtUp()
}

export async function listen(server, pool) {
  const subscription = connect()
  await subscription.subscribe(CHANNEL)
  subscription.on('message', (_, text) => handOut(text))
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, clientTracking: false })
  server.on('upgrade', (request, socket, head) => {
    const url = new URL(request.url, 'http://peer')
    sockets.handleUpgrade(request, socket, head, (opened) => {
      opened.on('error', () => {})
      if (url.pathname === '/api/stream') {
        opened.on('message', () => {
          ofAll.add(opened)
          opened.send('{"type":"subscribed","orders":"all"}')
        })
        opened.on('close', () => ofAll.delete(opened))
        return
      }
      const order = url.searchParams.get('orderId') ?? ''
      if (url.pathname !== '/api/orders/execute' || !UUID.test(order)) return opened.close(4404, 'there is no such order')
      watch(pool, opened, order, Number(url.searchParams.get('after') ?? 0)).catch(() => opened.close(1011))
    })
  })
}
