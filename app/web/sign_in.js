// In production mode the engine wants an API key. It stays in this tab and is deleted when the tab is closed.

import { load, save } from "./storage.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";

export class SignIn {
  constructor(onSignIn, onSignOut, onChange) {
    Object.assign(this, { onSignIn, onSignOut, onChange });
    this.key = load("key", { key: "" }).key;
    this.hasAccess = true; // until the first 401: in local mode the engine needs no key
    this.problem = "";
  }

  /** The engine answered 401 to this key, or to no key. A late answer to an earlier key is ignored. */
  keyRejected(key) {
    if (key !== this.key || !this.hasAccess) return;
    this.#end(key ? "This key is wrong, was revoked, or has expired." : "");
  }

  signOut() {
    this.#end("");
  }

  #end(problem) {
    this.problem = problem;
    this.#store("");
    this.hasAccess = false;
    this.onSignOut();
    this.onChange();
  }

  #store(key) {
    this.key = key;
    save("key", { key });
  }

  #submit(form) {
    const key = new FormData(form).get("key").trim();
    form.reset();
    if (!/^[\x21-\x7e]+$/.test(key)) {
      this.problem = "This is not an API key: a key has letters and digits, and no spaces.";
      return this.onChange();
    }
    this.#store(key);
    this.hasAccess = true;
    this.problem = "";
    this.onSignIn();
    this.onChange();
  }

  view() {
    return html`
      <section class="card sign-in" aria-labelledby="sign-in-title">
        <h2 id="sign-in-title">Sign in</h2>
        <p>This engine needs an API key. The key stays in this tab and is deleted when you close it.</p>
        <form autocomplete="off" @submit=${(event) => { event.preventDefault(); this.#submit(event.target); }}>
          <label for="key">API key</label>
          <input id="key" name="key" type="password" autocomplete="off" spellcheck="false" required
            aria-invalid=${Boolean(this.problem)} aria-describedby="key-error">
          <p class="field-error" id="key-error" role="alert">${this.problem || nothing}</p>
          <button class="primary">Sign in</button>
        </form>
        <p class="hint">No key? The operator of this engine creates one: <code>engine keys create --owner NAME</code></p>
      </section>`;
  }
}
