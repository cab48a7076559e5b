// All orders of this caller on one socket. It comes back by itself, and goes on where it was.

const PER_FRAME = 40; // orders named in one frame: it stays below 4 KiB
const MOST_NAMED = 960;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 10_000;
const NOT_ALLOWED = 4401;

export class Stream {
  /**
   * `known()` gives the orders under way, each with the last event heard of it. Told are `event`, `follows` (from now on
   * nothing is missed), `lost` (no longer), `unknown` (an order that the engine does not have) and `changed`.
   */
  constructor(api, book, changed) {
    this.api = api;
    this.book = book;
    this.changed = changed;
    this.state = "connecting"; // or following, waiting, refused
    this.since = null; // when it was last heard
    this.retryAt = null;
    this.reason = "";
    this.failures = 0;
    addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.#hurry());
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
    this.#become("connecting");
    try {
      const address = new URL("api/stream", document.baseURI);
      address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
      if (this.api.door.key) {
        address.searchParams.set("ticket", (await this.api.post("api/tickets", { scope: "stream" })).ticket);
      }
      if (this.stopped) return;
      const socket = new WebSocket(address);
      this.socket = socket;
      socket.onopen = () => frames(this.book.underWay()).forEach((frame) => socket.send(JSON.stringify(frame)));
      socket.onmessage = ({ data }) => this.#told(JSON.parse(data));
      socket.onclose = (closed) => this.socket === socket && this.#closed(closed);
    } catch (error) {
      if (error.status !== 401) this.#later(error.message);
    }
  }

  #told(frame) {
    this.since = Date.now();
    if (frame.type === "event") {
      const { type, ...event } = frame;
      this.book.hear(event);
    } else if (frame.type === "subscribed" && frame.orders === "all") {
      this.failures = 0;
      this.#become("following");
      this.book.follows();
    } else if (frame.code === "unknown_order") {
      this.book.forget(frame.orderId);
    } else if (frame.type === "error") {
      this.reason = frame.detail;
      this.socket.close();
    }
  }

  #closed({ code, reason }) {
    if (this.stopped) return;
    if (this.state === "following") this.book.lost();
    if (code === NOT_ALLOWED && reason.includes("origin")) {
      this.reason = `The engine opens no sockets for pages from ${location.origin}: its operator can add that to ALLOWED_ORIGINS.`;
      this.#become("refused");
      return;
    }
    this.#later(reason || this.reason);
  }

  #later(reason) {
    const wait = Math.min(FIRST_WAIT * 2 ** this.failures, LONGEST_WAIT) * (0.8 + 0.4 * Math.random());
    this.failures += 1;
    this.reason = reason;
    this.retryAt = Date.now() + wait;
    this.timer = setTimeout(() => this.#connect(), wait);
    this.#become("waiting");
  }

  #hurry() {
    if (this.state === "waiting" && !this.stopped) this.#connect();
  }

  #become(state) {
    this.state = state;
    this.changed();
  }
}

/** What a fresh socket is asked: to go on with each order under way, and then to tell of all others. */
export function frames(underWay) {
  const asked = [];
  const named = [...underWay].slice(0, MOST_NAMED);
  for (let first = 0; first < named.length; first += PER_FRAME) {
    const some = named.slice(first, first + PER_FRAME);
    asked.push({ op: "subscribe", orders: some.map(([id]) => id), after: Object.fromEntries(some) });
  }
  return [...asked, { op: "subscribe", orders: "all" }];
}
