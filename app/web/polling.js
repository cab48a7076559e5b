// Reads something again and again, while the page is visible.

/**
 * Calls `read` now, again `ms` after each time it has ended, and when its user comes back to the page. Returns the function
 * that stops it.
 */
export function poll(read, ms) {
  let timer;
  let isReading = false;
  const ended = new AbortController();
  async function next() {
    if (isReading) return;
    clearTimeout(timer);
    isReading = true;
    if (!document.hidden) await read();
    isReading = false;
    if (!ended.signal.aborted) timer = setTimeout(next, ms);
  }
  document.addEventListener("visibilitychange", () => document.hidden || next(), { signal: ended.signal });
  next();
  return () => {
    ended.abort();
    clearTimeout(timer);
  };
}
