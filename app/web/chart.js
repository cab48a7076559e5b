// A small line chart of the last minutes, with the current values in its caption.

import { html, nothing, svg } from "./vendor/lit-html/lit-html.js";

const WIDTH = 300;
const HEIGHT = 48;

/** `lines`: {name, kind, title} of each; `samples`: {at, [name]: number or null}, oldest first; `spanMs`: width of the x axis. */
export function lineChart(label, lines, samples, spanMs, format) {
  const last = samples.at(-1)?.at ?? 0;
  const values = samples.flatMap((sample) => lines.map(({ name }) => sample[name])).filter((value) => value !== null && value !== undefined);
  const max = Math.max(...values, 0) * 1.1 || 1;
  const x = (sample) => WIDTH - ((last - sample.at) / spanMs) * WIDTH;
  const y = (value) => HEIGHT - 2 - (value / max) * (HEIGHT - 6);
  const paths = lines.map(({ name, kind }) => {
    // A sample without a value interrupts the line.
    const segments = [[]];
    for (const sample of samples) {
      if (sample[name] === null || sample[name] === undefined) segments.push([]);
      else segments.at(-1).push(`${x(sample).toFixed(1)} ${y(sample[name]).toFixed(1)}`);
    }
    return svg`<path class="line ${kind}" d=${segments.filter((segment) => segment.length > 1).map((segment) => `M${segment.join("L")}`).join("") || "M0 0"}></path>`;
  });
  return html`
    <figure class="line-chart">
      <figcaption>${label}${lines.map(({ name, kind, title }) => html`<span class="value ${kind}">${title ? html`<i>${title}</i>` : nothing} <b>${format(samples.at(-1)?.[name])}</b></span>`)}</figcaption>
      <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true">
        ${svg`<path class="background" d="M0 ${HEIGHT - 2}H${WIDTH}"></path>`}${values.length ? paths : nothing}
      </svg>
    </figure>`;
}
