// Names in Redis: the queue, and the channel on which each committed event is published.
import { Redis } from 'ioredis'

export const QUEUE = 'orders'
export const PREFIX = 'peer'
export const CHANNEL = 'peer:events'

export const connect = (options = {}) =>
  new Redis(process.env.REDIS_URL, { maxRetriesPerRequest: null, ...options })
