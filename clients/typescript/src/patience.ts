import type { EngineError } from "./errors.js";

const LONGEST_PAUSE = 5; // seconds

/** How long to go on trying. The time begins with the first failure. */
export class Patience {
  readonly #seconds: number;
  #ends: number | undefined;
  #next = 0.2;

  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  renew(): void {
    this.#ends = undefined;
    this.#next = 0.2;
  }

  /** Waits until the next attempt is due. Throws the error if that would be too late. */
  async pause(error: EngineError, atLeast = 0): Promise<void> {
    const now = performance.now() / 1000;
    this.#ends ??= now + this.#seconds;
    // With a random part, so that many clients do not come back at once.
    const pause = Math.max(this.#next * (0.7 + 0.6 * Math.random()), atLeast);
    this.#next = Math.min(this.#next * 2, LONGEST_PAUSE);
    if (now + pause > this.#ends) throw error;
    await new Promise((resolve) => setTimeout(resolve, pause * 1000));
  }
}
