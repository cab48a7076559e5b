// Client of the engine's HTTP API, on the origin that served the page.

import { syncClock } from "./clock.js";

const MAX_TRIES = 5;

/** An error response of the engine: its problem document. */
export class Problem extends Error {
  constructor(status, document) {
    super(document.detail ?? `The engine answered ${status}.`);
    this.status = status;
    this.code = document.code ?? "unknown";
    this.errors = document.errors ?? [];
    this.retryable = Boolean(document.retryable);
    this.requestId = document.requestId;
  }

  /** The engine's message about one field of the request. */
  fieldError(field) {
    return this.errors.find(({ pointer }) => pointer.endsWith(`/${field}`))?.message;
  }
}

/** There was no response. */
export class Unreachable extends Error {
  constructor() {
    super("The engine does not answer.");
    this.code = "unreachable";
    this.retryable = true;
    this.errors = [];
  }

  fieldError() {}
}

// Amounts sent as JSON numbers keep all their digits, in browsers that pass the source text to the reviver.
const keepDigits = (name, value, context) => (name === "amount" && typeof value === "number" ? (context?.source ?? value) : value);

export class Api {
  /** Sends `signIn.key` if there is one, and calls `signIn.keyRejected()` on a 401. */
  constructor(signIn) {
    this.signIn = signIn;
  }

  get(path, query = {}, options = {}) {
    const params = Object.entries(query).filter(([, value]) => value !== "" && value !== undefined && value !== null);
    return this.#request("GET", params.length ? `${path}?${new URLSearchParams(params)}` : path, options);
  }

  post(path, body, headers = {}) {
    const json = body === undefined ? {} : { body: JSON.stringify(body), type: { "content-type": "application/json" } };
    return this.#request("POST", path, { body: json.body, headers: { ...json.type, ...headers } });
  }

  put(path, body) {
    return this.#request("PUT", path, { body: JSON.stringify(body), headers: { "content-type": "application/json" } });
  }

  patch(path, body, headers) {
    return this.#request("PATCH", path, { body: JSON.stringify(body), headers: { "content-type": "application/json", ...headers } });
  }

  delete(path) {
    return this.#request("DELETE", path, {});
  }

  /** Repeats the same request until it is answered. The idempotency key prevents a second order. */
  async postWithRetries(path, body, headers) {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.post(path, body, headers);
      } catch (error) {
        const outcomeUnknown = error.code === "unreachable" || (error.status >= 500 && !error.code.startsWith("trading_"));
        if (!outcomeUnknown || !error.retryable || tries === MAX_TRIES) throw error;
        await new Promise((resolve) => setTimeout(resolve, 300 * 2 ** tries));
      }
    }
  }

  async #request(method, path, { headers = {}, body, signal }) {
    if (!this.signIn.hasAccess) throw new Problem(401, { detail: "An API key is needed." });
    const { key } = this.signIn;
    const allHeaders = key ? { ...headers, authorization: `Bearer ${key}` } : headers;
    let response, text;
    try {
      response = await fetch(path, { method, headers: allHeaders, body, signal, cache: "no-store", credentials: "omit" });
      text = await response.text();
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new Unreachable();
    }
    syncClock(response);
    if (response.status === 401) this.signIn.keyRejected(key);
    let document = {};
    try {
      document = JSON.parse(text, keepDigits);
    } catch {
      // A proxy in between may answer with something other than JSON.
    }
    if (!response.ok) throw new Problem(response.status, document);
    return document;
  }
}

/** A random key. crypto.randomUUID is missing on pages served over plain HTTP; getRandomValues is not. */
export function newIdempotencyKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
