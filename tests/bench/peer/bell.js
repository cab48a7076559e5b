// What goes through Redis: the queue, and one channel on which every committed event is told.
import { Redis } from 'ioredis'

export const QUEUE = 'orders'
export const PREFIX = 'peer'
export const CHANNEL = 'peer:events'

export const connect = (options = {}) =>
  new Redis(process.env.REDIS_URL, { maxRetriesPerRequest: null, ...options })
