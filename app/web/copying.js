// An id or a transaction with a button that copies it.

import { html, nothing } from "./vendor/lit-html/lit-html.js";

const SHOWN_MS = 1_500;
// Drawn here: fonts of phones and of Linux lack the character for it.
const ICON = html`<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3"></path></svg>`;

async function copy(button, text) {
  await navigator.clipboard.writeText(text);
  button.classList.add("copied");
  document.getElementById("live-region").textContent = "Copied.";
  setTimeout(() => button.classList.remove("copied"), SHOWN_MS);
}

/** The whole text as code. `name`: what it is, for screen readers. Browsers copy on HTTPS and on this machine only. */
export const copyable = (text, name) => html`<code>${text}</code>${copyButton(text, name)}`;

export const copyButton = (text, name) =>
  navigator.clipboard ? html` <button class="copy" type="button" aria-label="Copy ${name}" title="Copy ${name}" @click=${(event) => copy(event.currentTarget, text)}>${ICON}</button>` : nothing;
