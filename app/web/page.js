// What the two pages have in common: signing in, the connection in the header, and rendering when something has changed.

import { Api } from "./api.js";
import { SignIn } from "./sign_in.js";
import { html, nothing, render } from "./vendor/lit-html/lit-html.js";

const TICK_MS = 250; // for ages and countdowns
const REST = 3; // times as long as a frame took, before the next one: events must not keep a slow machine busy with drawing

/** Screen readers read this text aloud. */
function announce(text) {
  document.getElementById("live-region").textContent = text;
}

/**
 * `create({api, signIn, announce, onChange, renderNow})` makes what the page shows once there is access:
 * {start, stop, connection, note, banner, view}. The header stands in the HTML: it is seen before the scripts have come.
 */
export function runPage(create) {
  const [root, connectionRoot, noteRoot, sessionRoot] = ["page", "connection", "note", "session"].map((id) => document.getElementById(id));
  let renderScheduled = false;
  let nextFrameAt = 0;
  let content;
  const signIn = new SignIn(start, () => content.stop(), onChange);
  const api = new Api(signIn);

  function onChange() {
    if (renderScheduled) return;
    renderScheduled = true;
    // Browsers call this only while the page is visible: a hidden page renders nothing.
    const soon = () => requestAnimationFrame(renderNow);
    const rest = nextFrameAt - performance.now();
    if (rest > 0) setTimeout(soon, rest);
    else soon();
  }

  function renderNow() {
    renderScheduled = false;
    const startedAt = performance.now();
    const connection = signIn.hasAccess ? content.connection() : null;
    render(connection ? html`<span class="connection ${connection.kind}" role="status"><span class="dot" aria-hidden="true"></span>${connection.label}</span>` : nothing, connectionRoot);
    render(signIn.hasAccess ? content.note() : nothing, noteRoot);
    render(signIn.hasAccess && signIn.key ? html`<button class="link-button" type="button" @click=${() => signIn.signOut()}>Sign out</button>` : nothing, sessionRoot);
    render(connection ? frame(connection) : signIn.view(), root);
    const endedAt = performance.now();
    nextFrameAt = endedAt + REST * (endedAt - startedAt);
  }

  const frame = ({ text }) => html`${text ? html`<p class="banner offline">${text}</p>` : nothing}${content.banner()}${content.view()}`;

  function start() {
    content = create({ api, signIn, announce, onChange, renderNow });
    content.start();
  }

  connectionRoot.replaceChildren(); // what the HTML shows until now
  start();
  onChange();
  setInterval(onChange, TICK_MS);
}
