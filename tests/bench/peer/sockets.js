// WebSockets: one subscription per process serves all sockets; replay first, then live events.
import { WebSocketServer } from 'ws'
import { CHANNEL, connect } from './pubsub.js'
import { log } from './store.js'

const TERMINAL = new Set(['confirmed', 'failed'])
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const ID_AT = '{"orderId":"'.length

const ofOrder = new Map() // order → its subscribers
const ofAll = new Set()

class Subscriber {
  constructor(socket, order, after) {
    Object.assign(this, { socket, order, last: after, held: [] })
  }

  // Live events wait until the replay has been sent; events that were part of it are dropped then.
  receive(event) {
    if (this.held) this.held.push(event)
    else this.send(event)
  }

  send({ seq, status, text }) {
    if (seq <= this.last) return
    this.last = seq
    this.socket.send(text)
    if (TERMINAL.has(status)) this.socket.close(1000)
  }

  caughtUp() {
    const held = this.held
    this.held = null
    held.forEach((event) => this.send(event))
  }
}

function deliver(text) {
  for (const socket of ofAll) socket.send(text)
  const subscribers = ofOrder.get(text.slice(ID_AT, ID_AT + 36))
  if (!subscribers) return
  const { seq, status } = JSON.parse(text)
  for (const subscriber of subscribers) subscriber.receive({ seq, status, text })
}

async function watch(pool, socket, order, after) {
  const subscriber = new Subscriber(socket, order, after)
  if (!ofOrder.has(order)) ofOrder.set(order, new Set())
  const subscribers = ofOrder.get(order).add(subscriber)
  socket.on('close', () => {
    subscribers.delete(subscriber)
    if (!subscribers.size && ofOrder.get(order) === subscribers) ofOrder.delete(order)
  })
  const events = await log(pool, order, after)
  if (!events.length && after === 0) return socket.close(4404, 'there is no such order')
  for (const { seq, text } of events) subscriber.send({ seq, status: JSON.parse(text).status, text })
  subscriber.caughtUp()
}

export async function listen(server, pool) {
  const subscription = connect()
  await subscription.subscribe(CHANNEL)
  subscription.on('message', (_, text) => deliver(text))
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
