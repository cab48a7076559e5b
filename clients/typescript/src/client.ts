import { parsed, problemIn, textOf } from "./answers.js";
import { EngineError, refusal, Unreachable } from "./errors.js";
import { Patience } from "./patience.js";
import { Broken, Follow, frames } from "./stream.js";
import type {
  Accepted,
  AcceptedGroup,
  Amendment,
  Event,
  Group,
  GroupView,
  NewWebhook,
  Order,
  OrderPage,
  OrderQuery,
  OrderSnapshot,
  OrderView,
  Selection,
  WebhookOptions,
  WebhookView,
} from "./types.js";

const TIMEOUT_MS = 10_000; // for one answer
const PAGE = 200; // orders
const STABLE_MS = 10_000; // a connection that lasted this long was a good one

export interface Options {
  apiKey?: string;
  /** For how many seconds a call goes on trying while the engine cannot answer; 30 unless you say otherwise. */
  patience?: number;
}

export interface WatchOptions {
  /** Order id → `seq` of the last event that you have; the next one is the first you receive. */
  after?: Readonly<Record<string, number>>;
  signal?: AbortSignal;
}

interface Call {
  method: "GET" | "POST" | "PATCH" | "DELETE";
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  /** Sending it twice does what sending it once does. */
  repeatable?: boolean;
  key?: string;
}

export class Client {
  readonly #url: string;
  readonly #apiKey: string | undefined;
  readonly #patience: number;

  constructor(baseUrl = "http://localhost:3000", { apiKey, patience = 30 }: Options = {}) {
    // The page of an engine may give no host: its own.
    if (!/^(https?:\/\/|\/|$)/i.test(baseUrl)) {
      const missing = baseUrl.includes("://") ? "" : ": http:// is missing";
      throw new EngineError(`"${baseUrl}" is not a valid address${missing}; example: http://localhost:3000.`);
    }
    if (typeof WebSocket === "undefined") {
      // Or an order would be placed and then not followed.
      throw new EngineError(
        "This Node has no WebSocket: Node 22 or newer has one. To run a program with it: " +
          "npx --yes --package node@22 node bot.mts",
      );
    }
    this.#url = baseUrl.replace(/\/+$/, "");
    this.#apiKey = apiKey;
    this.#patience = patience;
  }

  /** One key places one order, however often it is sent. Without one, a key is made for this call. */
  place(order: Order, { key = crypto.randomUUID() }: { key?: string } = {}): Promise<Accepted> {
    const headers = { "Idempotency-Key": key };
    return this.#send({ method: "POST", path: "/api/orders/execute", body: order, headers, key });
  }

  placeGroup(group: Group, { key = crypto.randomUUID() }: { key?: string } = {}): Promise<AcceptedGroup> {
    const headers = { "Idempotency-Key": key };
    return this.#send({ method: "POST", path: "/api/order-groups", body: group, headers, key });
  }

  order(orderId: string): Promise<OrderSnapshot> {
    return this.#send({ method: "GET", path: `/api/orders/${encodeURIComponent(orderId)}` });
  }

  group(groupId: string): Promise<GroupView> {
    return this.#send({ method: "GET", path: `/api/order-groups/${encodeURIComponent(groupId)}` });
  }

  /** Your orders, newest first. */
  async *orders(query: OrderQuery = {}): AsyncGenerator<OrderView> {
    const chosen = Object.entries(query).filter(([, value]) => value != null);
    let cursor: string | null = "";
    while (cursor !== null) {
      const search = new URLSearchParams([...chosen.map(([name, value]) => [name, String(value)]), ["limit", `${PAGE}`]]);
      if (cursor) search.set("cursor", cursor);
      const page: OrderPage = await this.#send({ method: "GET", path: `/api/orders?${search}` });
      yield* page.orders;
      cursor = page.nextCursor;
    }
  }

  /** Your orders that wait, newest first. */
  open(): AsyncGenerator<OrderView> {
    return this.orders({ status: "open" });
  }

  /** Its status is `cancelled`, or its swap was sent: then it is cancelled unless that lands. */
  cancel(orderId: string): Promise<OrderView> {
    return this.#send({ method: "POST", path: `/api/orders/${encodeURIComponent(orderId)}/cancel` });
  }

  /** How many were cancelled. */
  async cancelAll(selection: Selection = {}): Promise<number> {
    const call: Call = { method: "POST", path: "/api/orders/cancel-all", body: selection };
    return (await this.#send<{ cancelled: number }>(call)).cancelled;
  }

  /** `Conflict` if the order is no longer as given. */
  amend(order: { orderId: string; seq: number }, changes: Amendment): Promise<OrderView> {
    // If the answer is lost, a second one would find that the order has changed.
    const headers = { "If-Match": String(order.seq) };
    const path = `/api/orders/${encodeURIComponent(order.orderId)}`;
    return this.#send({ method: "PATCH", path, body: changes, headers, repeatable: false });
  }

  /** Your events are sent there from now on. Keep its `secret`: it is shown once. */
  createWebhook(url: string, options: WebhookOptions = {}): Promise<NewWebhook> {
    // A lost answer would have the secret: a repetition would leave a webhook that nobody can verify.
    return this.#send({ method: "POST", path: "/api/webhooks", body: { url, ...options }, repeatable: false });
  }

  async webhooks(): Promise<WebhookView[]> {
    return (await this.#send<{ webhooks: WebhookView[] }>({ method: "GET", path: "/api/webhooks" })).webhooks;
  }

  async deleteWebhook(webhookId: string): Promise<void> {
    await this.#send({ method: "DELETE", path: `/api/webhooks/${encodeURIComponent(webhookId)}` });
  }

  /**
   * All events of these orders until all have ended, each once. Resumes by itself when the connection breaks.
   * While it waits, only `signal` ends it.
   */
  async *watch(orderIds: string | readonly string[], options: WatchOptions = {}): AsyncGenerator<Event> {
    const { after = {}, signal } = options;
    const follow = new Follow(typeof orderIds === "string" ? [orderIds] : orderIds, after);
    for (const orderId of follow.resumed) follow.dropIfEnded(await this.order(orderId));
    const patience = new Patience(this.#patience);
    while (!follow.done) {
      let began = performance.now();
      try {
        const url = await this.#streamUrl();
        began = performance.now();
        for await (const frame of frames(url, follow.subscriptions(), signal)) {
          const event = follow.receive(frame);
          if (event) {
            patience.renew();
            yield event;
          }
          if (follow.done) return;
        }
      } catch (error) {
        if (!(error instanceof Broken)) throw error;
        if (performance.now() - began > STABLE_MS) patience.renew();
        await patience.pause(new Unreachable(error.message, { cause: error }));
      }
    }
  }

  /** A browser cannot set a header on a socket, and an API key must never be in a URL: a ticket is for one minute. */
  async #streamUrl(): Promise<string> {
    const url = `${this.#url.replace(/^http/, "ws")}/api/stream`;
    if (!this.#apiKey) return url;
    const call: Call = { method: "POST", path: "/api/tickets", body: { scope: "stream" } };
    const { ticket } = await this.#send<{ ticket: string }>(call);
    return `${url}?ticket=${encodeURIComponent(ticket)}`;
  }

  async #send<Answer>(call: Call): Promise<Answer> {
    const patience = new Patience(this.#patience);
    const final = <E extends EngineError>(error: E): E => Object.assign(error, { idempotencyKey: call.key });
    for (;;) {
      let response: Response;
      let text: string;
      try {
        response = await fetch(this.#url + call.path, this.#request(call));
        text = await textOf(response);
      } catch (cause) {
        const error = final(new Unreachable(`The engine at ${this.#url} cannot be reached.`, { cause }));
        if (call.repeatable === false) throw error;
        await patience.pause(error);
        continue;
      }
      if (response.ok) {
        try {
          return parsed(text) as Answer;
        } catch (error) {
          throw final(error as EngineError);
        }
      }
      const retryAfter = Number(response.headers.get("retry-after")) || 0;
      const refused = final(refusal(response.status, problemIn(text), retryAfter));
      if (!refused.retryable || (refused.status >= 500 && call.repeatable === false)) throw refused;
      await patience.pause(refused, retryAfter);
    }
  }

  #request({ method, body, headers }: Call): RequestInit {
    return {
      method,
      headers: {
        Accept: "application/json",
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...(this.#apiKey ? { Authorization: `Bearer ${this.#apiKey}` } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    };
  }
}
