// A line over the last minutes, small enough to stand beside its number.

import { html, nothing, svg } from "./vendor/lit-html/lit-html.js";

const WIDTH = 300;
const HEIGHT = 48;

/** `lines`: name and kind of each; `samples`: {at, [name]: number or null}, the oldest first. */
export function plot(label, lines, samples, span, show) {
  const last = samples.at(-1)?.at ?? 0;
  const values = samples.flatMap((sample) => lines.map(({ name }) => sample[name])).filter((value) => value !== null && value !== undefined);
  const top = Math.max(...values, 0) * 1.1 || 1;
  const x = (sample) => WIDTH - ((last - sample.at) / span) * WIDTH;
  const y = (value) => HEIGHT - 2 - (value / top) * (HEIGHT - 6);
  const drawn = lines.map(({ name, kind }) => {
    const runs = [[]];
    for (const sample of samples) {
      if (sample[name] === null || sample[name] === undefined) runs.push([]);
      else runs.at(-1).push(`${x(sample).toFixed(1)} ${y(sample[name]).toFixed(1)}`);
    }
    return svg`<path class="line ${kind}" d=${runs.filter((run) => run.length > 1).map((run) => `M${run.join("L")}`).join("") || "M0 0"}></path>`;
  });
  return html`
    <figure class="plot">
      <figcaption>${label}${lines.map(({ name, kind, title }) => html`<span class="reading ${kind}">${title ? html`<i>${title}</i>` : nothing} <b>${show(samples.at(-1)?.[name])}</b></span>`)}</figcaption>
      <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true">
        ${svg`<path class="ground" d="M0 ${HEIGHT - 2}H${WIDTH}"></path>`}${values.length ? drawn : nothing}
      </svg>
    </figure>`;
}
