// The audit log: what operators did, and which requests were refused.

import { dateTime } from "../clock.js";
import { explain, readable } from "../messages.js";
import { poll } from "../polling.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { repeat } from "../vendor/lit-html/directives/repeat.js";

const POLL_MS = 5_000;
const PAGE_SIZE = 20;
const MAX_PAGE_SIZE = 200; // what the engine sends at once
const KEPT = 500; // more are shown only if its user asks for them

export class AuditLog {
  constructor(api, onChange) {
    Object.assign(this, { api, onChange });
    this.owner = "";
    this.entries = [];
    this.cursor = null;
    this.most = KEPT;
    this.problem = null;
  }

  start() {
    this.stop = poll(() => this.#read(), POLL_MS);
  }

  /** The newest entries, before those that are shown already. Others may have sent very many: then it begins anew. */
  async #read() {
    const { owner } = this;
    await this.#try(async () => {
      let { entries, nextCursor } = await this.api.get("api/audit", { owner, limit: PAGE_SIZE });
      const newest = this.entries[0]?.id ?? Infinity;
      const hasGap = () => nextCursor && entries.at(-1).id > newest;
      if (hasGap()) {
        const more = await this.api.get("api/audit", { owner, limit: MAX_PAGE_SIZE, cursor: nextCursor });
        [entries, nextCursor] = [[...entries, ...more.entries], more.nextCursor];
      }
      if (owner !== this.owner) return;
      const older = hasGap() ? [] : this.entries.filter(({ id }) => id < (entries.at(-1)?.id ?? 0));
      if (!older.length) this.cursor = nextCursor;
      const all = [...entries, ...older];
      this.entries = all.slice(0, this.most);
      if (all.length > this.most) this.cursor = String(this.entries.at(-1).id);
    });
  }

  async #readOlder() {
    const { owner, cursor } = this;
    await this.#try(async () => {
      const { entries, nextCursor } = await this.api.get("api/audit", { owner, limit: PAGE_SIZE, cursor });
      if (owner !== this.owner || cursor !== this.cursor) return;
      [this.entries, this.cursor] = [[...this.entries, ...entries], nextCursor];
      this.most = Math.max(KEPT, this.entries.length);
    });
  }

  async #try(read) {
    try {
      await read();
      this.problem = null;
    } catch (error) {
      this.problem = error;
    }
    this.onChange();
  }

  #filter(owner) {
    Object.assign(this, { owner: owner.trim(), entries: [], cursor: null, most: KEPT });
    this.#read();
  }

  view() {
    return html`
      <section class="card audit" aria-labelledby="audit-title">
        <header class="card-header">
          <h2 id="audit-title">Audit log</h2>
          <label><span class="hint">Owner</span> <input id="audit-owner" maxlength="64" spellcheck="false" placeholder="everybody" @change=${(event) => this.#filter(event.target.value)}></label>
        </header>
        ${this.problem ? html`<p class="error-box" role="alert">${explain(this.problem)}</p>` : nothing}
        ${this.entries.length ? html`<ol class="rows">${repeat(this.entries, ({ id }) => id, row)}</ol>` : html`<p class="placeholder">No entries</p>`}
        ${this.cursor ? html`<button class="secondary load-more" type="button" @click=${() => this.#readOlder()}>Show older entries</button>` : nothing}
      </section>`;
  }
}

const row = ({ at, action, outcome, owner, address, details, leftOut }) => html`
  <li class="audit-entry">
    <time datetime=${at}>${dateTime(at)}</time>
    <span><b>${action}</b> <span class="status ${outcome === "done" ? "confirmed" : outcome === "begun" ? "" : "failed"}">${readable(outcome)}</span> by ${owner ?? "nobody known"}
      <span class="hint">${address ?? ""} ${Object.entries(details).filter(([, value]) => value !== null).map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`).join(", ")}${leftOut ? `, and ${leftOut} more like it` : ""}</span></span>
  </li>`;
