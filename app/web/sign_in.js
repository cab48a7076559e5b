// In production mode the engine asks who is there. The key stays in this tab, and goes when it is closed.

import { remember, remembered } from "./storage.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";

export class SignIn {
  constructor(opened, closed, changed) {
    Object.assign(this, { opened, closed, changed });
    this.key = remembered("key", { key: "" }).key;
    this.isOpen = true; // until somebody says otherwise: on one's own machine there is no lock
    this.problem = "";
  }

  /** The engine did not take this key (or wants one). An answer to a key given up since says nothing. */
  refused(key) {
    if (key !== this.key || !this.isOpen) return;
    this.problem = key ? "This key is wrong, or was revoked." : "";
    this.#keep("");
    this.isOpen = false;
    this.closed();
    this.changed();
  }

  leave() {
    this.problem = "";
    this.#keep("");
    this.isOpen = false;
    this.closed();
    this.changed();
  }

  #keep(key) {
    this.key = key;
    remember("key", { key });
  }

  #enter(form) {
    const key = new FormData(form).get("key").trim();
    form.reset();
    if (!/^[\x21-\x7e]+$/.test(key)) {
      this.problem = "That is no key: a key has letters and digits, and no spaces.";
      return this.changed();
    }
    this.#keep(key);
    this.isOpen = true;
    this.problem = "";
    this.opened();
    this.changed();
  }

  view() {
    return html`
      <section class="card door" aria-labelledby="door-title">
        <h2 id="door-title">Your API key</h2>
        <p>This engine trades only for callers it knows. The key stays in this tab and is forgotten when you close it.</p>
        <form autocomplete="off" @submit=${(event) => { event.preventDefault(); this.#enter(event.target); }}>
          <label for="key">Key</label>
          <input id="key" name="key" type="password" autocomplete="off" spellcheck="false" required
            aria-invalid=${Boolean(this.problem)} aria-describedby="key-error">
          <p class="wrong" id="key-error" role="alert">${this.problem || nothing}</p>
          <button class="primary">Open</button>
        </form>
        <p class="hint">You have none? Whoever runs this engine makes one: <code>engine keys create --owner NAME</code></p>
      </section>`;
  }
}
