// One WebSocket with the events of all orders of this caller. It reconnects, and continues after the last event received.

const ORDERS_PER_FRAME = 40; // keeps a frame below 4 KiB
const MAX_ORDERS = 960;
const MIN_RETRY_MS = 500;
const MAX_RETRY_MS = 10_000;
const CLOSE_NOT_ALLOWED = 4401;

export class Stream {
  /**
   * `orderStore.unfinished()` gives the orders to continue, each with its last event received. The stream calls
   * `applyEvent`, `connected` (every event arrives from now on), `disconnected`, `remove` (the engine does not have
   * that order) and `forget` (events that were received may never have happened).
   */
  constructor(api, orderStore, onChange) {
    this.api = api;
    this.orderStore = orderStore;
    this.onChange = onChange;
    this.state = "connecting"; // or live, waiting, refused
    this.lastReceivedAt = null;
    this.retryAt = null;
    this.reason = "";
    this.failures = 0;
    addEventListener("online", () => this.#reconnectNow());
    document.addEventListener("visibilitychange", () => document.hidden || this.#reconnectNow());
  }

  start() {
    this.stopped = false;
    this.#connect();
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    this.socket?.close();
  }

  async #connect() {
    clearTimeout(this.timer);
    this.#setState("connecting");
    try {
      const url = new URL("api/stream", document.baseURI);
      url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
      if (this.api.signIn.key) {
        url.searchParams.set("ticket", (await this.api.post("api/tickets", { scope: "stream" })).ticket);
      }
      if (this.stopped) return;
      const socket = new WebSocket(url);
      this.socket = socket;
      socket.onopen = () => subscribeFrames(this.orderStore.unfinished()).forEach((frame) => socket.send(JSON.stringify(frame)));
      socket.onmessage = ({ data }) => this.#onFrame(JSON.parse(data));
      socket.onclose = (event) => this.socket === socket && this.#onClose(event);
    } catch (error) {
      if (error.code === "origin_not_allowed") this.#refused();
      else if (error.status !== 401) this.#reconnectLater(error.message);
    }
  }

  #onFrame(frame) {
    this.lastReceivedAt = Date.now();
    if (frame.type === "event") {
      const { type, ...event } = frame;
      this.orderStore.applyEvent(event);
    } else if (frame.type === "subscribed" && frame.orders === "all") {
      this.failures = 0;
      this.#setState("live");
      this.orderStore.connected();
    } else if (frame.code === "unknown_order") {
      this.orderStore.remove(frame.orderId);
    } else if (frame.type === "error") {
      this.reason = frame.detail;
      this.socket.close();
    }
  }

  #onClose({ code, reason }) {
    if (this.stopped) return;
    if (this.state === "live") this.orderStore.disconnected();
    if (reason.includes("lost events")) this.orderStore.forget();
    if (code === CLOSE_NOT_ALLOWED && reason.includes("origin")) this.#refused();
    else this.#reconnectLater(reason || this.reason);
  }

  #refused() {
    this.reason = `The engine refuses pages from ${location.origin}. Its operator can add this origin to ALLOWED_ORIGINS.`;
    this.#setState("refused");
  }

  #reconnectLater(reason) {
    const wait = Math.min(MIN_RETRY_MS * 2 ** this.failures, MAX_RETRY_MS) * (0.8 + 0.4 * Math.random());
    this.failures += 1;
    this.reason = reason;
    this.retryAt = Date.now() + wait;
    this.timer = setTimeout(() => this.#connect(), wait);
    this.#setState("waiting");
  }

  #reconnectNow() {
    if (this.state === "waiting" && !this.stopped) this.#connect();
  }

  #setState(state) {
    this.state = state;
    this.onChange();
  }
}

/** The frames that a new socket sends: continue each unfinished order, then subscribe to all others. */
export function subscribeFrames(unfinished) {
  const frames = [];
  const orders = [...unfinished].slice(0, MAX_ORDERS);
  for (let first = 0; first < orders.length; first += ORDERS_PER_FRAME) {
    const some = orders.slice(first, first + ORDERS_PER_FRAME);
    frames.push({ op: "subscribe", orders: some.map(([id]) => id), after: Object.fromEntries(some) });
  }
  return [...frames, { op: "subscribe", orders: "all" }];
}
