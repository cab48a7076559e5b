// A small drawing for each token: our own, so that nothing is loaded from elsewhere. Others get their first letter.

import { html, svg } from "./vendor/lit-html/lit-html.js";

const DRAWINGS = {
  __proto__: null, // a token may be called constructor
  SOL: ["#5b3fd0", svg`<circle cx="12" cy="14" r="4.5"></circle><path d="M12 4.5v3M4.6 8.4l2.3 2M19.4 8.4l-2.3 2M4 19h16"></path>`],
  USDC: ["#1c63c4", svg`<path d="M15 8.6c-.6-1-1.7-1.5-3-1.5-1.7 0-3 .9-3 2.3 0 3.3 6.2 1.8 6.2 5.1 0 1.5-1.4 2.4-3.2 2.4-1.5 0-2.7-.6-3.3-1.7M12 5v14"></path>`],
  USDT: ["#0b7a5b", svg`<path d="M7 7.5h10M12 7.5v10M7.5 11.5c3 1.2 6 1.2 9 0"></path>`],
  RAY: ["#8a2fb8", svg`<path d="M6 18 18 6M6 12l6-6M12 18l6-6"></path>`],
  JUP: ["#0e7a6f", svg`<circle cx="12" cy="12" r="4.5"></circle><path d="M4.5 15.5c5 1 10-1.5 15-7"></path>`],
  BONK: ["#b45309", svg`<circle cx="7" cy="10.5" r="1.4"></circle><circle cx="10.5" cy="7.5" r="1.4"></circle><circle cx="14" cy="7.5" r="1.4"></circle><circle cx="17" cy="10.5" r="1.4"></circle><path d="M12 11.5c-2.5 0-4.5 5.5-2.5 5.5 1 0 1.5-.5 2.5-.5s1.5 .5 2.5.5c2 0 0-5.5-2.5-5.5z"></path>`],
};
const COLOURS = ["#1c4fd6", "#0b7043", "#b3211b", "#835300", "#5b3fd0", "#9d3b0b", "#0e6a80"];

/** Decoration only: the symbol stands beside it. */
export function tokenIcon(symbol) {
  const [colour, drawing] = DRAWINGS[symbol] ?? [COLOURS[[...symbol].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % COLOURS.length], null];
  return html`<svg class="token-icon" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">${svg`
    <circle cx="12" cy="12" r="12" fill=${colour}></circle>
    ${drawing ? svg`<g fill="none" stroke="#fff" stroke-width="1.6" stroke-linecap="round">${drawing}</g>` : svg`<text x="12" y="16.5" fill="#fff" font-size="12" font-weight="650" text-anchor="middle">${[...symbol][0]?.toUpperCase()}</text>`}`}</svg>`;
}
