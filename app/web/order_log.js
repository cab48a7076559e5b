// One order as this page knows it, in pure functions. A log is {id, snapshot, events}: the order as last read from the API
// (null before that) and its events sorted by number. Events may arrive twice, late or out of order: the result is the same.

export const STEPS = ["pending", "routing", "building", "submitted", "confirmed"];
export const STATUSES = ["open", ...STEPS, "completed", "failed", "expired", "cancelled"];
const TERMINAL = new Set(["confirmed", "completed", "failed", "expired", "cancelled"]);

export const emptyLog = (id) => ({ id, snapshot: null, events: [] });

/** Adds one event. Returns the same object if the event is known. */
export function applyEvent(log, event) {
  let index = log.events.length;
  while (index > 0 && log.events[index - 1].seq > event.seq) index -= 1;
  if (index > 0 && log.events[index - 1].seq === event.seq) return log;
  return { ...log, events: [...log.events.slice(0, index), event, ...log.events.slice(index)] };
}

/** Adds an API response: the order, and its events if the response has them. An older snapshot replaces nothing. */
export function applyResponse(log, { events = [], wsUrl, statusEndpoint, ...snapshot }) {
  const withEvents = events.reduce(applyEvent, log);
  return log.snapshot && log.snapshot.seq > snapshot.seq ? withEvents : { ...withEvents, snapshot };
}

/** The snapshot with every later event applied. Null before the first snapshot. */
export function currentState({ snapshot, events }) {
  if (!snapshot) return null;
  return events.filter((event) => event.seq > snapshot.seq).reduce(stateAfter, snapshot);
}

function stateAfter(order, event) {
  const next = { ...order, seq: event.seq, status: event.status, attempt: event.attempt, updatedAt: event.at };
  next.error = event.error ?? null;
  next.code = event.code ?? null;
  if (event.status === "building") next.minAmountOut = event.minAmountOut;
  for (const name of ["dex", "txHash", "executedPrice", "tokenOut"]) next[name] = event[name] ?? next[name];
  if (event.status === "confirmed") next.amountOut = event.amountOut;
  return next;
}

/** The last event before the first gap. The stream continues after it. */
export function lastSeqWithoutGap({ events }) {
  let last = 0;
  while (last < events.length && events[last].seq === last + 1) last += 1;
  return last;
}

export const lastSeq = ({ snapshot, events }) => Math.max(snapshot?.seq ?? 0, events.at(-1)?.seq ?? 0);

/** Whether no event is missing. */
export const isComplete = (log) => lastSeqWithoutGap(log) === lastSeq(log);

export function statusOf({ snapshot, events }) {
  const last = events.at(-1);
  return last && last.seq >= (snapshot?.seq ?? 0) ? last.status : snapshot?.status;
}

export const isUnfinished = (log) => !TERMINAL.has(statusOf(log));
export const isOpen = (log) => statusOf(log) === "open";
export const isCancellable = (log) => isUnfinished(log) && !log.snapshot?.cancelRequested;

/** The latest routing decision, with every venue's quote; undefined before the first one. */
export const routingDecision = ({ events }) => events.findLast((event) => event.status === "building");

/** Index of the step that the order has reached, or at which it ended without a swap; -1: it waits, or ended waiting. */
export function stepReached(log) {
  const status = statusOf(log);
  if (status === "open" || STEPS.includes(status)) return STEPS.indexOf(status);
  const beforeLast = log.events.at(-2);
  if (beforeLast && isComplete(log)) return STEPS.indexOf(beforeLast.status);
  const { txHash, dex, attempt } = log.snapshot ?? {};
  return txHash ? 3 : dex ? 2 : attempt ? 1 : 0;
}

/** How long each step took, in ms from the first event. The last step of an unfinished order lasts until `now`. */
export function stepTimings(log, now) {
  const times = log.events.map((event) => Date.parse(event.at));
  const end = isUnfinished(log) ? Math.max(now, times.at(-1)) : times.at(-1);
  return log.events.slice(0, isUnfinished(log) ? undefined : -1).map((event, n) => ({
    seq: event.seq,
    status: event.status,
    attempt: event.attempt,
    isRetryWait: event.status === "pending" && event.retryInMs !== undefined,
    startMs: times[n] - times[0],
    durationMs: (times[n + 1] ?? end) - times[n],
    totalMs: end - times[0],
  }));
}
