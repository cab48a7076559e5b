// One order as this page knows it: pure values. Whatever is heard twice, late or in another order gives the same story.

export const STEPS = ["pending", "routing", "building", "submitted", "confirmed"];
export const STATUSES = [...STEPS, "failed", "cancelled"];
const ENDED = new Set(["confirmed", "failed", "cancelled"]);
const CANCELLABLE = new Set(["pending", "routing", "building"]);

/** An order of which nothing is known but its id. `facts`: as last read; `events`: its log, by number. */
export const blank = (id) => ({ id, facts: null, events: [] });

/** The story with one more event; the very same story if it had that event. */
export function hear(story, event) {
  let place = story.events.length;
  while (place > 0 && story.events[place - 1].seq > event.seq) place -= 1;
  if (place > 0 && story.events[place - 1].seq === event.seq) return story;
  return { ...story, events: [...story.events.slice(0, place), event, ...story.events.slice(place)] };
}

/** The story with what an answer of the API says of the order, and its log if the answer has it. */
export function read(story, { events = [], wsUrl, statusEndpoint, ...facts }) {
  const heard = events.reduce(hear, story);
  return story.facts && story.facts.seq >= facts.seq ? heard : { ...heard, facts };
}

/** The order as it stands: what was read, and every later event laid over it. Null while nothing was read. */
export function standing({ facts, events }) {
  if (!facts) return null;
  return events.filter((event) => event.seq > facts.seq).reduce(after, facts);
}

function after(order, event) {
  const now = { ...order, seq: event.seq, status: event.status, attempt: event.attempt, updatedAt: event.at };
  now.error = event.error ?? null;
  now.code = event.code ?? null;
  if (event.status === "building") now.minAmountOut = event.minAmountOut;
  for (const name of ["dex", "txHash", "executedPrice"]) now[name] = event[name] ?? now[name];
  if (event.status === "confirmed") now.amountOut = event.amountOut;
  return now;
}

/** The last event up to which nothing is missing: a stream goes on after it. */
export function heardUpTo({ events }) {
  let last = 0;
  while (last < events.length && events[last].seq === last + 1) last += 1;
  return last;
}

export const lastSeq = ({ facts, events }) => Math.max(facts?.seq ?? 0, events.at(-1)?.seq ?? 0);

/** Whether its whole log is here. */
export const isWhole = (story) => heardUpTo(story) === lastSeq(story);

export function statusOf({ facts, events }) {
  const last = events.at(-1);
  return last && last.seq >= (facts?.seq ?? 0) ? last.status : facts?.status;
}

export const isAlive = (story) => !ENDED.has(statusOf(story));
export const isCancellable = (story) => CANCELLABLE.has(statusOf(story));

/** The routing decision that holds, with every venue's quote; undefined before the first one. */
export const decision = ({ events }) => events.findLast((event) => event.status === "building");

/** Which of the five steps it has reached, counted from 0; of one that ended otherwise, where it ended. */
export function reached(story) {
  const status = statusOf(story);
  if (STEPS.includes(status)) return STEPS.indexOf(status);
  const before = story.events.at(-2);
  if (before && isWhole(story)) return STEPS.indexOf(before.status);
  const { txHash, dex, attempt } = story.facts ?? {};
  return txHash ? 3 : dex ? 2 : attempt ? 1 : 0;
}

/** How long each step took, in ms from the first event; the last one of an order that goes on lasts until `now`. */
export function timings(story, now) {
  const moments = story.events.map((event) => Date.parse(event.at));
  const until = isAlive(story) ? Math.max(now, moments.at(-1)) : moments.at(-1);
  return story.events.slice(0, isAlive(story) ? undefined : -1).map((event, n) => ({
    seq: event.seq,
    status: event.status,
    attempt: event.attempt,
    waits: event.status === "pending" && event.retryInMs !== undefined,
    from: moments[n] - moments[0],
    ms: (moments[n + 1] ?? until) - moments[n],
    of: until - moments[0],
  }));
}
