// Amending an order that waits: a form below its row with its prices, its slippage and how long it waits.

import { now } from "../clock.js";
import { explain } from "../messages.js";
import { currentState, isCancellable, isOpen } from "../order_log.js";
import { amendedFields, amendedNames, amendment } from "../ticket/from_order.js";
import { fieldError, fieldList } from "../ticket/order_fields.js";
import { ACCEPTABLE, fieldAt } from "../ticket/order_types.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";

const PREFIX = "amended-"; // of the ids: the ticket has the same fields
const CHANGED = "The order has changed meanwhile, or its group holds it. Look at it, then send this again.";

/** The engine does not amend orders in slices, nor those that are filled at once or not at all. */
const isAmendable = (log, { schedule, timeInForce, amount }) => isOpen(log) && isCancellable(log) && !schedule && timeInForce !== "ioc" && amount !== null;

export class Amend {
  constructor(api, orderStore, announce, onChange, renderNow) {
    Object.assign(this, { api, orderStore, announce, onChange, renderNow });
    this.id = null; // of the order whose form is open
    this.busy = false;
  }

  #toggle(order, isEntry) {
    if (this.id === order.orderId) return this.#close();
    const fields = amendedFields(order, isEntry);
    // `seq` says which state of the order the form was opened for: a later one is not overwritten.
    Object.assign(this, { id: order.orderId, seq: order.seq, before: fields, fields, problem: null });
    this.renderNow();
    this.#focus(amendedNames(fields)[0]);
  }

  #close() {
    const { id } = this;
    this.id = null;
    this.renderNow();
    document.querySelector(`.open-order[data-order="${id}"] .amend`)?.focus();
  }

  #focus(name) {
    document.getElementById(PREFIX + name)?.focus();
  }

  #set(change) {
    Object.assign(this, { fields: { ...this.fields, ...change }, problem: null });
    this.onChange();
  }

  #errors() {
    const { fields, problem } = this;
    const names = amendedNames(fields);
    const errors = new Map(names.map((name) => [name, fieldError(name, fields[name])]).filter(([, message]) => message));
    for (const { pointer, message } of problem?.errors ?? []) {
      const name = pointer === "/expiresAt" ? "expiry" : fieldAt(fields.type, fields.type === "bracket" ? `/entry${pointer}` : pointer);
      if (names.includes(name) && !(problem.code in ACCEPTABLE)) errors.set(name, message);
    }
    return errors;
  }

  async #send(accepted = {}) {
    if (this.busy) return;
    this.problem = null;
    const { id, seq, before, fields } = this;
    const [[wrong, message] = []] = this.#errors();
    if (wrong) {
      this.announce(message);
      return this.#focus(wrong);
    }
    const changes = amendment(before, fields, now());
    if (!Object.keys(changes).length) return this.#close();
    this.busy = true;
    this.onChange();
    try {
      this.orderStore.learn([await this.api.patch(`api/orders/${id}`, { ...changes, ...accepted }, { "if-match": String(seq) })]);
      this.announce("The order is amended.");
      if (this.id === id) this.#close();
    } catch (error) {
      if (this.id === id) this.problem = error;
      this.announce(textOf(error));
      if (error.code === "order_changed") await this.#readAgain(id);
    }
    this.busy = false;
    this.onChange();
  }

  async #readAgain(id) {
    await this.orderStore.loadOrder(id).catch(() => {});
    const log = this.orderStore.logs.get(id);
    if (log && this.id === id) this.seq = currentState(log).seq;
  }

  button(log, isEntry) {
    const order = currentState(log);
    if (!isAmendable(log, order)) return nothing;
    return html`<button class="secondary amend" type="button" aria-expanded=${this.id === log.id} aria-label="Amend the open order of ${order.amount} ${order.tokenIn}" @click=${() => this.#toggle(order, isEntry)}>Amend</button>`;
  }

  view(log) {
    if (this.id !== log.id || !isOpen(log)) return nothing;
    const { fields, problem, busy } = this;
    const errors = this.#errors();
    const acceptable = ACCEPTABLE[problem?.code];
    return html`
      <form class="amending" autocomplete="off" novalidate aria-label="Amend the order" @submit=${(event) => { event.preventDefault(); this.#send(); }}>
        ${fieldList(amendedNames(fields), { fields, best: null, prefix: PREFIX, error: (name) => errors.get(name), set: (change) => this.#set(change) })}
        ${acceptable ? html`<p class="warning-box" role="alert">${acceptable.text} <button class="link-button" type="button" @click=${() => this.#send({ [acceptable.field]: true })}>Amend it anyway</button></p>`
        : problem && !errors.size ? html`<p class="error-box" role="alert">${textOf(problem)}</p>` : nothing}
        <p class="actions"><button class="secondary" aria-disabled=${busy}>${busy ? "Sending …" : "Amend the order"}</button>
          <button class="link-button" type="button" @click=${() => this.#close()}>Leave it</button></p>
      </form>`;
  }
}

const textOf = (error) => (error.code === "order_changed" ? CHANGED : explain(error));
