// The engine's HTTP API, asked from a page that it has served.

import { setByAnswer } from "./clock.js";

/** The engine said no: its problem document. */
export class Problem extends Error {
  constructor(status, document) {
    super(document.detail ?? `The engine answered ${status}.`);
    this.status = status;
    this.code = document.code ?? "unknown";
    this.errors = document.errors ?? [];
    this.retryable = Boolean(document.retryable);
    this.requestId = document.requestId;
  }

  /** What it says of one field of the request, in its own words. */
  about(field) {
    return this.errors.find(({ pointer }) => pointer.endsWith(`/${field}`))?.message;
  }
}

/** Nothing was answered at all. */
export class Away extends Error {
  constructor() {
    super("The engine does not answer.");
    this.code = "away";
    this.retryable = true;
    this.errors = [];
  }

  about() {}
}

// Amounts that travel as numbers are read from their digits, where the browser shows them.
const digits = (name, value, context) => (name === "amount" && typeof value === "number" ? (context?.source ?? value) : value);

export class Api {
  /** `door.key` is sent if there is one; `door.refused()` hears of a key that does not fit. */
  constructor(door) {
    this.door = door;
  }

  get(path, query = {}, options = {}) {
    const given = Object.entries(query).filter(([, value]) => value !== "" && value !== undefined && value !== null);
    return this.#ask("GET", given.length ? `${path}?${new URLSearchParams(given)}` : path, options);
  }

  post(path, body, headers = {}) {
    const json = body === undefined ? {} : { body: JSON.stringify(body), type: { "content-type": "application/json" } };
    return this.#ask("POST", path, { body: json.body, headers: { ...json.type, ...headers } });
  }

  delete(path) {
    return this.#ask("DELETE", path, {});
  }

  /** Placing is repeated with the same key until it is answered: one key makes one order, however often it is sent. */
  async insist(path, body, headers) {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.post(path, body, headers);
      } catch (error) {
        const unknown = error.code === "away" || error.status >= 500;
        if (!unknown || !error.retryable || tries === 5) throw error;
        await new Promise((wait) => setTimeout(wait, 300 * 2 ** tries));
      }
    }
  }

  async #ask(method, path, { headers = {}, body, signal }) {
    if (!this.door.isOpen) throw new Problem(401, { detail: "An API key is needed." });
    const { key } = this.door;
    const sent = key ? { ...headers, authorization: `Bearer ${key}` } : headers;
    let response, text;
    try {
      response = await fetch(path, { method, headers: sent, body, signal, cache: "no-store", credentials: "omit" });
      text = await response.text();
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new Away();
    }
    setByAnswer(response);
    if (response.status === 401) this.door.refused(key);
    let document = {};
    try {
      document = JSON.parse(text, digits);
    } catch {
      // What stands in between may answer in words of its own.
    }
    if (!response.ok) throw new Problem(response.status, document);
    return document;
  }
}

/** A key for one order: random, also where a page is not served securely and has no randomUUID. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
