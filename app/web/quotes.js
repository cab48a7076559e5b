// What the venues would give now, asked as one types. An answer that comes after a newer question is dropped.

const TYPING = 180; // ms without a key
const EVERY = 5_000; // asked again, while somebody uses the page
const IDLE = 90_000;

export class Quotes {
  constructor(api, changed) {
    this.api = api;
    this.changed = changed;
    this.asked = null; // {tokenIn, tokenOut, amount}
    this.answer = null; // and what was answered to it, or the problem
    this.problem = null;
    this.at = 0;
    this.pending = false;
    this.used = Date.now();
    for (const sign of ["pointerdown", "keydown", "pointermove"]) addEventListener(sign, () => (this.used = Date.now()), { passive: true });
    setInterval(() => this.#again(), 1_000);
  }

  /** Null: there is nothing to ask yet. */
  ask(swap) {
    clearTimeout(this.timer);
    this.running?.abort();
    if (swap?.tokenIn !== this.asked?.tokenIn || swap?.tokenOut !== this.asked?.tokenOut || !swap) this.answer = null;
    this.problem = null;
    this.asked = swap;
    this.pending = swap !== null;
    if (swap) this.timer = setTimeout(() => this.#fetch(), TYPING);
    this.changed();
  }

  get age() {
    return Date.now() - this.at;
  }

  async #fetch() {
    const running = new AbortController();
    this.running = running;
    const swap = this.asked;
    try {
      const answer = await this.api.get("api/quotes", swap, { signal: running.signal });
      if (running.signal.aborted) return;
      [this.answer, this.problem, this.at] = [{ ...answer, ...swap }, null, Date.now()];
    } catch (error) {
      if (running.signal.aborted) return;
      [this.answer, this.problem, this.at] = [error.code === "away" ? this.answer : null, error, Date.now()];
    }
    this.pending = false;
    this.changed();
  }

  #again() {
    const hidden = document.hidden || Date.now() - this.used > IDLE;
    if (!this.asked || this.pending || hidden || this.age < EVERY) return;
    if (this.problem && !this.problem.retryable) return;
    this.pending = true;
    this.#fetch();
  }
}
