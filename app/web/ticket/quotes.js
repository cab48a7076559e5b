// Current quotes of all venues, requested while the user types. A newer request cancels the one before it.

const DEBOUNCE_MS = 180;
const REFRESH_MS = 5_000; // only while the page is in use
const IDLE_MS = 90_000;
const STALE_MS = 15_000;

export class Quotes {
  constructor(api, onChange) {
    this.api = api;
    this.onChange = onChange;
    this.onAnswer = null; // called before it
    this.swap = null; // {tokenIn, tokenOut, amount}
    this.answer = null; // the quotes for it
    this.problem = null;
    this.answeredAt = 0;
    this.pending = false;
  }

  start() {
    this.lastActivity = Date.now();
    this.listening = new AbortController();
    const options = { passive: true, signal: this.listening.signal };
    for (const type of ["pointerdown", "keydown", "pointermove"]) addEventListener(type, () => (this.lastActivity = Date.now()), options);
    this.refreshing = setInterval(() => this.#refresh(), 1_000);
  }

  stop() {
    this.listening.abort();
    clearInterval(this.refreshing);
    this.request(null);
  }

  /** Null: there is nothing to quote. */
  request(swap, delayMs = DEBOUNCE_MS) {
    clearTimeout(this.timer);
    this.running?.abort();
    if (swap?.tokenIn !== this.swap?.tokenIn || swap?.tokenOut !== this.swap?.tokenOut || !swap) this.answer = null;
    this.problem = null;
    this.swap = swap;
    this.pending = swap !== null;
    if (swap) this.timer = setTimeout(() => this.#fetch(), delayMs);
    this.onChange();
  }

  get age() {
    return Date.now() - this.answeredAt;
  }

  async #fetch() {
    const running = new AbortController();
    this.running = running;
    const swap = this.swap;
    try {
      const answer = await this.api.get("api/quotes", swap, { signal: running.signal });
      if (running.signal.aborted) return;
      [this.answer, this.problem, this.answeredAt] = [{ ...answer, ...swap }, null, Date.now()];
    } catch (error) {
      if (running.signal.aborted) return;
      [this.answer, this.problem, this.answeredAt] = [error.code === "unreachable" ? this.answer : null, error, Date.now()];
    }
    this.pending = false;
    this.onAnswer?.();
    this.onChange();
  }

  #refresh() {
    const unused = document.hidden || Date.now() - this.lastActivity > IDLE_MS;
    if (!this.swap || this.pending || unused || this.age < REFRESH_MS) return;
    if (this.problem && !this.problem.retryable) return;
    this.pending = true;
    this.#fetch();
  }

  /** Whether no venue can take exactly this swap. */
  isRefused(swap) {
    return this.isFor(swap) && !this.answer.dex;
  }

  /** Whether the answer is for exactly this swap, and not for what was typed before. */
  isFor({ tokenIn, tokenOut, amount }) {
    const { answer } = this;
    return answer !== null && answer.tokenIn === tokenIn && answer.tokenOut === tokenOut && answer.amount === amount;
  }

  /** What the last quote of this pair was for, and what it brings; null: there is none. */
  quoted({ tokenIn, tokenOut }) {
    const { answer, best } = this;
    return best && answer.tokenIn === tokenIn && answer.tokenOut === tokenOut ? { paid: answer.amount, brings: best.amountOut } : null;
  }

  get best() {
    return this.answer?.quotes.find(({ won }) => won) ?? null;
  }

  get isStale() {
    return this.age > STALE_MS || this.problem !== null;
  }
}
