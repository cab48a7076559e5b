// What the two pages have in common: signing in, the header with the connection, and rendering when something has changed.

import { Api } from "./api.js";
import { SignIn } from "./sign_in.js";
import { html, nothing, render } from "./vendor/lit-html/lit-html.js";

const TICK_MS = 250; // for ages and countdowns

/** Screen readers read this text aloud. */
function announce(text) {
  document.getElementById("live-region").textContent = text;
}

/**
 * `create({api, signIn, announce, onChange, renderNow})` makes what the page shows once there is access:
 * {start, stop, connection, intro, banner, view}. `other`: the link to the other page, {href, text}.
 */
export function runPage(other, create) {
  let renderScheduled = false;
  let content;
  const signIn = new SignIn(start, () => content.stop(), onChange);
  const api = new Api(signIn);

  function onChange() {
    if (renderScheduled) return;
    renderScheduled = true;
    // Browsers call this only while the page is visible: a hidden page renders nothing.
    requestAnimationFrame(renderNow);
  }

  function renderNow() {
    renderScheduled = false;
    render(signIn.hasAccess ? frame() : html`${header(null, "")}${signIn.view()}`, document.getElementById("page"));
  }

  function start() {
    content = create({ api, signIn, announce, onChange, renderNow });
    content.start();
  }

  function frame() {
    const connection = content.connection();
    return html`
      ${header(connection, content.intro())}
      ${connection.text ? html`<p class="banner offline">${connection.text}</p>` : nothing}
      ${content.banner()}${content.view()}`;
  }

  function header(connection, intro) {
    return html`
      <header class="page-header">
        <h1>${document.title}</h1>
        ${connection ? html`<span class="connection ${connection.kind}" role="status"><span class="dot" aria-hidden="true"></span>${connection.label}</span>` : nothing}
        <nav aria-label="More">
          <a href=${other.href}>${other.text}</a>
          <a href="docs">API</a>
          ${signIn.hasAccess && signIn.key ? html`<button class="link-button" type="button" @click=${() => signIn.signOut()}>Sign out</button>` : nothing}
        </nav>
        ${intro ? html`<p class="intro">${intro}</p>` : nothing}
      </header>`;
  }

  start();
  setInterval(onChange, TICK_MS);
}
