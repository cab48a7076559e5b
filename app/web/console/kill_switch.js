// The kill switch: stops trading for everybody or for one owner, and releases it. Only operators may set it.

import { dateTime } from "../clock.js";
import { explain, sentence } from "../messages.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { live } from "../vendor/lit-html/directives/live.js";

const STATES = {
  active: "Trading goes on.",
  reducing: "New orders are refused. Orders under way go on.",
  halted: "Trading is halted.",
};
const ACTIONS = [["halted", "Halt trading"], ["reducing", "Refuse new orders"], ["active", "Resume trading"]];

export class KillSwitch {
  constructor(api, announce, onChange) {
    Object.assign(this, { api, announce, onChange });
    this.isOperator = null; // until the engine has answered: it shows the owners to operators only
    this.all = null;
    this.owners = [];
    this.reason = "";
    this.owner = ""; // empty: everybody
    this.problem = null; // of reading
    this.refused = null; // what was wrong with the last change
    this.busy = false;
  }

  async read() {
    try {
      const { all, own, owners } = await this.api.get("api/kill-switch");
      Object.assign(this, { isOperator: owners !== undefined, all, owners: [own, ...(owners ?? [])].filter((one) => one && one.state !== "active"), problem: null });
    } catch (error) {
      this.problem = error;
    }
    this.onChange();
  }

  async #set(state, owner) {
    if (this.busy) return;
    [this.busy, this.refused] = [true, null];
    this.onChange();
    const reason = this.reason.trim() || `${ACTIONS.find(([one]) => one === state)[1]}, from the console`;
    try {
      await this.api.put("api/kill-switch", { state, reason, ...(owner ? { owner } : {}) });
      this.announce(owner ? `${owner}: ${STATES[state]}` : STATES[state]);
      [this.reason, this.owner] = ["", ""];
    } catch (error) {
      this.refused = error;
      this.announce(explain(error));
    }
    this.busy = false;
    await this.read();
  }

  #type(name) {
    return (event) => {
      [this[name], this.refused] = [event.target.value, null];
      this.onChange();
    };
  }

  view() {
    const { all, owners, busy, refused, problem } = this;
    const owner = this.owner.trim();
    return html`
      <section class="card kill-switch" aria-labelledby="kill-switch-title">
        <header class="card-header"><h2 id="kill-switch-title">Trading</h2></header>
        ${problem ? html`<p class="error-box" role="alert">This may have changed since it was read. ${problem.message}</p>` : nothing}
        <p><b class="status ${all && all.state !== "active" ? "failed" : "confirmed"}">${all?.state ?? "active"}</b> for everybody${all ? html`, since ${dateTime(all.setAt)}: ${all.reason} <span class="hint">(${all.setBy ?? "unknown"})</span>` : nothing}</p>
        <form class="fields" autocomplete="off" novalidate @submit=${(event) => event.preventDefault()}>
          <label for="switch-reason">Reason</label>
          <input id="switch-reason" maxlength="200" placeholder="shown to those it stops" .value=${live(this.reason)} @input=${this.#type("reason")}>
          <label for="switch-owner">Only this owner</label>
          <input id="switch-owner" maxlength="64" placeholder="everybody" spellcheck="false" .value=${live(this.owner)} aria-invalid=${Boolean(refused?.fieldError("owner"))} @input=${this.#type("owner")}>
        </form>
        <p class="actions">${ACTIONS.map(([state, text]) => html`<button class=${state === "halted" ? "danger" : "secondary"} type="button" aria-disabled=${busy} @click=${() => this.#set(state, owner)}>${text}</button>`)}</p>
        ${refused ? html`<p class="error-box" role="alert">${refused.fieldError("owner") ? `${owner} ${sentence(refused.fieldError("owner"))}` : explain(refused)}</p>` : nothing}
        <h3>Owners who are stopped</h3>
        ${owners.length
          ? html`<ol class="rows">${owners.map((one) => html`
              <li class="owner"><span><b>${one.owner}</b> <b class="status failed">${one.state}</b> since ${dateTime(one.setAt)}: ${one.reason}</span>
                <button class="secondary" type="button" aria-disabled=${busy} aria-label="Release ${one.owner}" @click=${() => this.#set("active", one.owner)}>Release</button></li>`)}</ol>`
          : html`<p class="hint">None</p>`}
      </section>`;
  }
}
