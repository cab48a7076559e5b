// The engine's time, and times as text.

let offset = 0; // ms by which the engine's clock is ahead of the browser's

/** The Date header has a resolution of one second: enough to notice a clock that is wrong by minutes. */
export function syncClock(response) {
  const engineTime = Date.parse(response.headers.get("date") ?? "");
  if (Number.isNaN(engineTime)) return;
  const difference = engineTime - Date.now();
  offset = Math.abs(difference) > 2_000 ? difference : 0;
}

export const now = () => Date.now() + offset;

export function duration(ms) {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1_000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];

/** 3600 is "every hour", 90 is "every 90 seconds". */
export function every(seconds) {
  const [name, length] = UNITS.find(([, unit]) => seconds % unit === 0);
  return seconds === length ? `every ${name}` : `every ${seconds / length} ${name}s`;
}

export function ago(ms) {
  if (ms < 1_500) return "now";
  if (ms < 60_000) return `${Math.floor(ms / 1_000)} s ago`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ago`;
  return `${Math.floor(ms / 3_600_000)} h ago`;
}

// Not Intl.DateTimeFormat: its first use takes 15 ms of a page that is loading, and more on a phone.
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (number) => String(number).padStart(2, "0");

export const timeOfDay = (date) => `${two(date.getHours())}:${two(date.getMinutes())}`;
export const dayOf = (date) => `${date.getDate()} ${MONTHS[date.getMonth()]}`;
const withSeconds = (date) => `${timeOfDay(date)}:${two(date.getSeconds())}`;

/** The time of day, after the date unless that is today. */
export function dateTime(at) {
  const date = new Date(at);
  const time = withSeconds(date);
  return date.toDateString() === new Date(now()).toDateString() ? time : `${dayOf(date)}, ${time}`;
}

/** The time of day with milliseconds. */
export const preciseTime = (at) => `${withSeconds(new Date(at))}.${String(new Date(at).getMilliseconds()).padStart(3, "0")}`;
