// The longest time between two frames, and the work of the page that took longer than 50 ms.
() => {
  window.longest = 0; window.tasks = []; window.frames = 0;
  let last = performance.now();
  const frame = (now) => { window.longest = Math.max(window.longest, now - last); window.frames += 1; last = now; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: "longtask" });
}
