// Applies one order's events to the page's reducer in 300 random orders. Returns the cases with a different result.
async (order) => {
  const { applyEvent, applyResponse, currentState, emptyLog, isComplete, isUnfinished, lastSeqWithoutGap } = await import("/web/order_log.js");
  const { events, ...snapshot } = order;
  const result = (log) => JSON.stringify([currentState(log), log.events.map(({ seq }) => seq), isComplete(log), isUnfinished(log)]);
  const expected = result(applyResponse(emptyLog(order.orderId), order));
  const unset = { dex: null, txHash: null, error: null, code: null, minAmountOut: null };
  const firstSnapshot = { ...snapshot, ...unset, seq: 1, status: "pending", attempt: 0, updatedAt: events[0].at };

  let seed = 7;
  const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
  const wrong = [];
  for (let round = 0; round < 300; round += 1) {
    // A snapshot is taken at a random event and applied at a random position. About half of the events arrive twice.
    const someEvents = events.slice(1, 1 + Math.floor(random() * events.length));
    const logAtSnapshot = someEvents.reduce(applyEvent, applyResponse(emptyLog(order.orderId), firstSnapshot));
    const steps = [...events, ...events.filter(() => random() < 0.5)].map((event) => (log) => applyEvent(log, event));
    steps.push((log) => applyResponse(log, currentState(logAtSnapshot)));
    const shuffled = steps.map((step) => [random(), step]).sort(([a], [b]) => a - b);
    let log = emptyLog(order.orderId);
    for (const [, step] of shuffled) {
      log = step(log);
      const seqs = log.events.map(({ seq }) => seq);
      if (new Set(seqs).size !== seqs.length) wrong.push(["duplicate", seqs]);
      const gap = seqs.findIndex((seq, n) => seq !== n + 1);
      if (lastSeqWithoutGap(log) !== (gap < 0 ? seqs.length : gap)) wrong.push(["gap", seqs]);
    }
    if (result(log) !== expected) wrong.push([result(log), expected]);
  }
  // An older snapshot that arrives late changes nothing.
  const ended = applyResponse(emptyLog(order.orderId), snapshot);
  const afterOldSnapshot = applyResponse(ended, firstSnapshot);
  if (result(afterOldSnapshot) !== result(ended)) wrong.push(["changed by an old snapshot", result(afterOldSnapshot)]);
  return wrong.slice(0, 3);
}
