import { parsed } from "./answers.js";
import { EngineError, EventsLost, refusal } from "./errors.js";
import type { AnyEvent, Ended, Refused, Subscribe, Subscribed } from "./generated/asyncapi.js";
import { type Event, FINAL } from "./types.js";

type Frame = AnyEvent | Subscribed | Ended | Refused;

const IDS_IN_A_FRAME = 40; // the engine takes 4 KiB, and `after` names each order again
const QUIET_MS = 20_000; // then the engine is asked for a sign, and given as long to answer
const MAX_WAITING = 16 * 1024 * 1024; // characters received and not yet passed on
const ASK: Subscribe = { op: "subscribe", orders: [] }; // changes nothing, and is answered
// Close codes that no repetition mends → the status of the same refusal over HTTP.
const REFUSALS: Record<number, number> = { 1009: 413, 4400: 400, 4401: 401, 4404: 404 };
const RESTORED = "after=0"; // in the reason of a 1013: the engine no longer has events which it sent

/** The connection cannot be used any more; a new one continues after the last event. */
export class Broken extends EngineError {}

/** Which events were received of which order: each is passed on once, in the order of its log. */
export class Follow {
  readonly #last: Map<string, number>; // of each order that has not ended

  constructor(orderIds: readonly string[], after: Readonly<Record<string, number>>) {
    this.#last = new Map(orderIds.map((id) => [id.toLowerCase(), 0]));
    for (const [id, seq] of Object.entries(after)) this.#last.set(id.toLowerCase(), seq);
  }

  get done(): boolean {
    return this.#last.size === 0;
  }

  /** The orders of which the caller already has events. */
  get resumed(): string[] {
    return [...this.#last].filter(([, seq]) => seq > 0).map(([id]) => id);
  }

  /** The stream would send nothing of an order of which the caller has all events. */
  dropIfEnded(order: { orderId: string; status: string; seq: number }): void {
    if (FINAL.has(order.status) && order.seq <= (this.#last.get(order.orderId) ?? 0)) this.#last.delete(order.orderId);
  }

  subscriptions(): string[] {
    const orders = [...this.#last];
    const frames = [];
    for (let first = 0; first < orders.length; first += IDS_IN_A_FRAME) {
      const some = orders.slice(first, first + IDS_IN_A_FRAME);
      const after = Object.fromEntries(some.filter(([, seq]) => seq > 0));
      const frame: Subscribe = { op: "subscribe", orders: some.map(([id]) => id), after };
      frames.push(JSON.stringify(frame));
    }
    return frames;
  }

  receive(text: string): Event | undefined {
    const frame = parsed(text) as Frame;
    if (frame.type === "error") throw refusedBy(frame);
    if (frame.type === "ended") this.#last.delete(frame.orderId); // no event of it comes
    if (frame.type !== "event") return undefined;
    const { type: _, ...event } = frame;
    const last = this.#last.get(event.orderId);
    if (last === undefined || event.seq <= last) return undefined;
    if (event.seq !== last + 1) throw new Broken("The stream left out an event.");
    if (FINAL.has(event.status)) this.#last.delete(event.orderId);
    else this.#last.set(event.orderId, event.seq);
    return event;
  }
}

/** Of a subscription. */
function refusedBy(frame: Refused): EngineError {
  if (frame.code === "unknown_order") {
    const detail = `There is no order ${frame.orderId}, or it belongs to another owner.`;
    return refusal(404, { code: frame.code, detail });
  }
  if (frame.code === "bad_request") return refusal(400, { code: frame.code, detail: frame.detail ?? "not valid" });
  return new Broken(frame.detail ?? frame.code);
}

export function closed(code: number, reason: string): EngineError {
  if (code === 1013 && reason.includes(RESTORED)) return new EventsLost(`The stream was closed: ${reason}.`);
  const status = REFUSALS[code];
  if (status) return refusal(status, { code: `closed_${code}`, detail: reason || `closed with ${code}` });
  return new Broken(`The stream was lost (${code}${reason && `: ${reason}`}).`);
}

/** The frames of one connection. Throws when it ends. */
export async function* frames(url: string, opening: readonly string[], signal?: AbortSignal): AsyncGenerator<string> {
  const socket = new WebSocket(url);
  const received: string[] = [];
  let waiting = 0;
  let end: unknown;
  let wake = (): void => {};
  const finish = (reason: unknown): void => {
    end ??= reason;
    wake();
  };
  const abort = (): void => finish(signal?.reason);
  socket.onopen = () => opening.forEach((frame) => socket.send(frame));
  socket.onmessage = ({ data }) => {
    if (end !== undefined) return;
    const frame = String(data);
    received.push(frame);
    waiting += frame.length;
    if (waiting > MAX_WAITING) finish(new Broken("More was received than was taken."));
    wake();
  };
  socket.onclose = ({ code, reason }) => finish(closed(code, reason));
  socket.onerror = () => finish(closed(1006, "")); // Node sends no `close` if it could not connect
  // A browser says nothing of a connection that has died without a word.
  let asked = 0;
  const watchdog = setInterval(() => {
    if (asked++) finish(new Broken("The stream is silent."));
    else if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(ASK));
  }, QUIET_MS);
  signal?.addEventListener("abort", abort);
  if (signal?.aborted) abort();
  try {
    for (;;) {
      for (let frame = received.shift(); frame !== undefined; frame = received.shift()) {
        asked = 0;
        waiting -= frame.length;
        yield frame;
      }
      if (end !== undefined) throw end;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    clearInterval(watchdog);
    signal?.removeEventListener("abort", abort);
    socket.onclose = null;
    socket.close();
  }
}
