// Reads something again and again, while the page is visible.

/** Calls `read` now, and again `ms` after each time it has ended. Returns the function that stops it. */
export function poll(read, ms) {
  let timer;
  let stopped = false;
  async function next() {
    if (!document.hidden) await read();
    if (!stopped) timer = setTimeout(next, ms);
  }
  next();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
