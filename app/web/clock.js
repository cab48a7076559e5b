// Time as the engine has it, and time in words.

let ahead = 0; // ms by which the engine's clock is ahead of this one

/** Answers say when they were given, to the second: enough to notice a clock that is wrong by minutes. */
export function setByAnswer(response) {
  const there = Date.parse(response.headers.get("date") ?? "");
  if (Number.isNaN(there)) return;
  const off = there - Date.now();
  ahead = Math.abs(off) > 2_000 ? off : 0;
}

export const now = () => Date.now() + ahead;

export function duration(ms) {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1_000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function ago(ms) {
  if (ms < 1_500) return "now";
  if (ms < 60_000) return `${Math.floor(ms / 1_000)} s ago`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ago`;
  return `${Math.floor(ms / 3_600_000)} h ago`;
}

const TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

/** The time of day; with the day, when that is not today. */
export function moment(at) {
  const then = new Date(at);
  const time = TIME.format(then);
  return DAY.format(then) === DAY.format(new Date(now())) ? time : `${DAY.format(then)}, ${time}`;
}

/** To the millisecond, for a log. */
export const exact = (at) => `${TIME.format(new Date(at))}.${String(new Date(at).getMilliseconds()).padStart(3, "0")}`;
