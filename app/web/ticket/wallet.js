// What the wallet of a real chain holds of the token to pay. The simulated chain has no wallet, and others may not ask.

import { amount } from "../amount.js";
import { toDecimal, toUnits } from "../money.js";
import { poll } from "../polling.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";

const READ_MS = 10_000;
const FOR_FEES = { __proto__: null, SOL: "0.01" }; // kept by Max: fees, and the deposits for accounts of new tokens

export class Wallet {
  constructor(api, onChange) {
    Object.assign(this, { api, onChange });
    this.held = new Map(); // symbol → amount
    this.exists = true; // until the engine has said otherwise
  }

  start() {
    this.exists = true;
    this.stop = poll(() => this.read(), READ_MS);
  }

  async read() {
    if (!this.exists) return;
    try {
      const { address, balances } = await this.api.get("api/wallet");
      this.exists = address !== null;
      this.held = new Map(balances.map(({ token, amount: units }) => [token, units]));
    } catch (error) {
      if (error.status === 403) this.exists = false;
      this.held.clear(); // an old balance could be wrong
    }
    this.onChange();
  }

  /** Whether it is known to hold less. */
  isShortOf(token, text, decimals) {
    const [has, needs] = [this.held.get(token) ?? "", text].map((units) => toUnits(units, decimals));
    return has !== null && needs !== null && needs > has;
  }

  /** `onPart(text)` fills in the amount. */
  view(token, decimals, onPart) {
    const held = this.held.get(token);
    if (held === undefined || !decimals) return nothing;
    const units = toUnits(held, decimals) - toUnits(FOR_FEES[token] ?? "0", decimals);
    const kept = FOR_FEES[token] ? `All but ${FOR_FEES[token]} ${token} for fees` : "All of it";
    return html`<span class="balance">Balance ${amount(held)} <button class="link-button" type="button" title="Half of the balance" aria-label="Half of the balance"
      ?disabled=${units <= 0n} @click=${() => onPart(toDecimal(units / 2n, decimals))}>Half</button><button class="link-button" type="button" title=${kept} aria-label="Max: ${kept}"
      ?disabled=${units <= 0n} @click=${() => onPart(toDecimal(units, decimals))}>Max</button></span>`;
  }
}
