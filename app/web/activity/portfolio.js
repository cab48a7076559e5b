// What the fills add up to: the change of each token, and profit and loss.

import { amount } from "../amount.js";
import { copyable } from "../copying.js";
import { explain } from "../messages.js";
import { dollars, groupDigits, shortPrice } from "../money.js";
import { MAX_ORDERS, readAll } from "../order_pages.js";
import { tokenIcon } from "../token_icon.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { positionsOf, valued } from "./profit.js";

const DOLLAR = "USDC"; // prices are asked in it

export class Portfolio {
  constructor(api, onChange) {
    Object.assign(this, { api, onChange });
    this.positions = null;
    this.wallet = null; // of a real chain: its address and balances
    this.count = 0;
    this.prices = new Map();
    this.problem = null;
  }

  async show() {
    this.problem = null;
    this.api.get("api/wallet").catch(() => null).then((wallet) => { this.wallet = wallet; this.onChange(); });
    try {
      const fills = await readAll(this.api, { status: "confirmed" }, (count) => { this.count = count; this.onChange(); });
      fills.sort((a, b) => (a.updatedAt < b.updatedAt ? -1 : 1));
      this.positions = positionsOf(fills);
      this.onChange();
      await this.#readPrices();
    } catch (error) {
      this.problem = error;
    }
    this.onChange();
  }

  async #readPrices() {
    this.prices.set(DOLLAR, 1);
    await Promise.all(this.positions.filter(({ token, held }) => held > 0 && token !== DOLLAR).map(async ({ token }) => {
      const { mids } = await this.api.get("api/market", { tokenIn: token, tokenOut: DOLLAR }).catch(() => ({ mids: [] }));
      if (mids.length) this.prices.set(token, Math.max(...mids.map(({ price }) => Number(price))));
    }));
  }

  view() {
    return html`${this.wallet?.address ? held(this.wallet) : nothing}${this.#profit()}`;
  }

  #profit() {
    if (this.problem) return html`<p class="error-box" role="alert">${explain(this.problem)}</p>`;
    if (!this.positions) return html`<p class="placeholder">${this.count ? `Reading your fills: ${this.count} …` : "Loading …"}</p>`;
    if (!this.positions.length) return html`<p class="placeholder">No fills yet: a portfolio is made of them.</p>`;
    const rows = this.positions.map((one) => valued(one, this.prices)).sort((a, b) => (b.worth ?? 0) - (a.worth ?? 0));
    const sum = (name) => rows.reduce((total, row) => total + (row[name] ?? 0), 0);
    return html`
      <dl class="totals">
        ${total("Worth now", dollars(sum("worth")))}
        ${total("Profit made", gain(sum("realised")))}
        ${total("Profit not yet made", gain(sum("unrealised")))}
      </dl>
      <div class="scrolls" data-scrolls tabindex="0" role="region" aria-label="Positions">
        <table class="positions">
          <caption class="visually-hidden">Positions</caption>
          <thead><tr><th scope="col">Token</th><th scope="col">Change</th><th scope="col">Average cost</th><th scope="col">Worth now</th><th scope="col">Profit made</th><th scope="col">Not yet made</th></tr></thead>
          <tbody>${rows.map(row)}</tbody>
        </table>
      </div>
      <p class="hint">From your ${this.count === MAX_ORDERS ? `latest ${MAX_ORDERS} fills` : this.count === 1 ? "one fill" : `${this.count} fills`}, by average cost, in US dollars: exactly where one side was dollars, or else by the market's price when the order was accepted. Network fees are left out. <button class="link-button" type="button" @click=${() => this.show()}>Read again</button></p>`;
  }
}

const held = ({ address, balances }) => html`
  <h3>In the wallet</h3>
  <p class="hint">${copyable(address, "the address")}</p>
  <dl class="totals">${balances.map(({ token, amount: units }) => total(token, amount(units)))}</dl>`;

const row = ({ token, balance, held, cost, worth, realised, unrealised }) => html`
  <tr>
    <th scope="row">${tokenIcon(token)} ${token}</th>
    <td>${balance > 0 ? "+" : balance < 0 ? "−" : ""}${groupDigits(shortPrice(Math.abs(balance))).join("")}</td>
    <td>${held > 0 ? dollars(cost / held) : "–"}</td>
    <td>${worth === null || held === 0 ? "–" : dollars(worth)}</td>
    <td>${gain(realised)}</td>
    <td>${unrealised === null || held === 0 ? "–" : gain(unrealised)}</td>
  </tr>`;

const total = (name, value) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;

const gain = (value) => html`<span class="status ${value > 0.005 ? "confirmed" : value < -0.005 ? "failed" : ""}">${value > 0.005 ? "+" : ""}${Math.abs(value) < 0.005 ? "$0.00" : dollars(value)}</span>`;
