// Tells a page's reducer one order's story in 300 other ways. What comes back are the ways that ended elsewhere.
async (order) => {
  const { blank, hear, heardUpTo, isAlive, isWhole, read, standing } = await import("/web/order_log.js");
  const { events, ...facts } = order;
  const show = (story) => JSON.stringify([standing(story), story.events.map(({ seq }) => seq), isWhole(story), isAlive(story)]);
  const whole = show(read(blank(order.orderId), order));
  const unknown = { dex: null, txHash: null, error: null, code: null, minAmountOut: null };
  const first = { ...facts, ...unknown, seq: 1, status: "pending", attempt: 0, updatedAt: events[0].at };

  let seed = 7;
  const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
  const wrong = [];
  for (let round = 0; round < 300; round += 1) {
    // It is read at some moment, anywhere between the events; half of these come twice.
    const then = events.slice(1, 1 + Math.floor(random() * events.length)).reduce(hear, read(blank(order.orderId), first));
    const steps = [...events, ...events.filter(() => random() < 0.5)].map((event) => (story) => hear(story, event));
    steps.push((story) => read(story, standing(then)));
    const shuffled = steps.map((step) => [random(), step]).sort(([a], [b]) => a - b);
    let story = blank(order.orderId);
    for (const [, step] of shuffled) {
      story = step(story);
      const seqs = story.events.map(({ seq }) => seq);
      if (new Set(seqs).size !== seqs.length) wrong.push(["twice", seqs]);
      const gap = seqs.findIndex((seq, n) => seq !== n + 1);
      if (heardUpTo(story) !== (gap < 0 ? seqs.length : gap)) wrong.push(["gap", seqs]);
    }
    if (show(story) !== whole) wrong.push([show(story), whole]);
  }
  // An older answer that comes late takes nothing back.
  const ended = read(blank(order.orderId), facts);
  const late = read(ended, first);
  if (show(late) !== show(ended)) wrong.push(["taken back", show(late)]);
  return wrong.slice(0, 3);
}
