// The fields of the order form that belong to some types of orders: their labels, units, choices, checks and markup.

import { duration } from "../clock.js";
import { shortPrice, toBps, toDecimal, toPercent, toUnits, typedDecimal } from "../money.js";
import { isPriceTurned, ORDER_TYPES, TURNING } from "./order_types.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";
import { live } from "../vendor/lit-html/directives/live.js";

// [value, text] of each choice
const UNITS_OF_TIME = [["1", "seconds"], ["60", "minutes"], ["3600", "hours"], ["86400", "days"]];
const LIFETIMES = [["gtc", "until cancelled"], ["3600", "1 hour"], ["86400", "1 day"], ["604800", "1 week"], ["ioc", "now or never"]];
const VENUES = [["", "any"], ["raydium", "Raydium"], ["meteora", "Meteora"]];
const MISSES = [["extend", "make all of them, later"], ["skip", "leave them out"], ["catch_up", "make them 10 s apart"]];

const price = (label, more = {}) => ({ label, kind: "price", ...more });
const optional = { optional: true };

export const FIELDS = {
  limitPrice: price("Limit price", { steps: [0, 1, 5, 10] }),
  stopPrice: price("Stop price", { steps: [-1, -5, -10] }),
  targetPrice: price("Target price", { steps: [1, 5, 10] }),
  worstPrice: price("Worst price", optional),
  worstStopPrice: price("Worst stop price", optional),
  entryPrice: price("Buy at"),
  exitPrice: price("Take profit at"),
  stopLossPrice: price("Stop loss at"),
  worstStopLossPrice: price("Worst stop price", optional),
  trail: { label: "Trail", kind: "percent" },
  activationPrice: price("Follow from", optional),
  mint: { label: "Mint address", kind: "mint" },
  mostPrice: price("Pay at most", { unit: ({ tokenIn }) => `${tokenIn} each` }),
  minDepth: { label: "Pools hold", kind: "dollars", ...optional },
  snipeVenue: { label: "Venue", kind: "choice", choices: VENUES },
  lifetime: { label: "Good for", kind: "choice", choices: LIFETIMES },
  expiry: { label: "Good for", kind: "choice", choices: [["", "as long as before"], ...LIFETIMES.filter(([value]) => value !== "ioc")] },
  slices: { label: "Slices", kind: "whole" },
  every: { label: "One every", kind: "whole" },
  startAt: { label: "First slice", kind: "moment", ...optional },
  bandMin: price("Not below", optional),
  bandMax: price("Not above", optional),
  onMiss: { label: "Missed slices", kind: "choice", choices: MISSES },
  slippage: { kind: "slippage", presets: [10, 50, 100], high: 500, hint: "The most that the price may get worse." },
  triggerSlippage: { kind: "slippage", presets: [100, 300, 500], high: 1_000, hint: "Below the price that it waits for, at most." },
};

const isPrice = (name) => FIELDS[name].kind === "price";
export const NO_PRICES = Object.fromEntries(Object.keys(FIELDS).filter(isPrice).map((name) => [name, ""]));
export const DEFAULTS = {
  ...NO_PRICES,
  type: "market", slippage: "0.5", triggerSlippage: "3", lifetime: "gtc", slices: "10", every: "1", everyUnit: "3600", startAt: "", onMiss: "extend", isPriceTurned: null,
  trail: "5", mint: "", minDepth: "", snipeVenue: "",
};

const isAboveZero = (text) => /^\d{1,20}(\.\d{1,18})?$/.test(text) && /[1-9]/.test(text);
const CHECKS = {
  price: [isAboveZero, "Enter a price, such as 155.5."],
  dollars: [isAboveZero, "Enter an amount in dollars, such as 20000."],
  percent: [(text) => toBps(text) > 0 && toBps(text) < 10_000, "Enter a percentage below 100, such as 5."],
  mint: [(text) => /^[1-9A-HJ-NP-Za-km-z]{32,44}$/.test(text), "Enter the mint address of the token: 32 to 44 letters and digits."],
  whole: [(text) => /^[1-9]\d{0,6}$/.test(text), "Enter a whole number, such as 10."],
  slippage: [(text) => toBps(text) !== null, "Enter a slippage from 0 to 100 %, such as 0.5."],
};

/** What is wrong with the value of a field; null: nothing. */
export function fieldError(name, value) {
  const { kind, optional } = FIELDS[name];
  const [isValid, message] = CHECKS[kind] ?? [() => true];
  return (value === "" && optional) || isValid(value) ? null : message;
}

/** The token that a price of this type is for, and the token that it is in. */
const pairOf = (fields) => {
  const { type, tokenIn, tokenOut } = fields;
  return ORDER_TYPES[type].ofTokenOut || isPriceTurned(fields) ? [tokenOut, tokenIn] : [tokenIn, tokenOut];
};

/**
 * The fields of an order type. `form`: {fields, best, error, set, prefix}; `best`: the price now, tokens out for one token
 * in; `prefix`: of their ids, in a second form on the page.
 */
export function fieldList(names, form) {
  const [of, paidIn] = pairOf(form.fields);
  const { isSniper } = ORDER_TYPES[form.fields.type];
  const now = !isSniper && form.best && (of === form.fields.tokenIn ? form.best : 1 / Number(form.best));
  return html`
    <div class="fields">
      ${names.some(isPrice) && !isSniper ? html`<p class="hint">Prices are ${paidIn} for 1 ${of}${now ? `, now ${shortPrice(now)}` : ""}.${turnButton(form)}</p>` : nothing}
      ${names.map((name) => fieldView(name, form, { unit: paidIn, placeholder: now ? shortPrice(now) : nothing }))}
      ${now ? steps(names, now, form) : nothing}
    </div>`;
}

/** What was typed is a price of the other token. */
function turnButton({ fields, prefix, set }) {
  if (prefix || !TURNING.includes(fields.type)) return nothing;
  return html` <button class="link-button" type="button" aria-label="Say prices the other way round" title="Say prices the other way round" @click=${() => set({ ...NO_PRICES, isPriceTurned: !isPriceTurned(fields) })}>⇄</button>`;
}

/** Buttons with prices near the one now; not for forms with several prices, which are long enough. */
function steps(names, now, { fields, set }) {
  const [name, another] = names.filter((one) => FIELDS[one].steps);
  if (!name || another) return nothing;
  const text = (percent) => (percent === 0 ? "Now" : `${percent < 0 ? "−" : "+"}${Math.abs(percent)} %`);
  return html`<p class="steps wide" role="group" aria-label="Near the price now">
    ${FIELDS[name].steps.map((percent) => (isPriceTurned(fields) ? -percent : percent)).map((percent) => html`<button class="secondary" type="button" @click=${() => set({ [name]: shortPrice(now * (1 + percent / 100)) })}>${text(percent)}</button>`)}</p>`;
}

const INPUT_MODES = { price: "decimal", dollars: "decimal", percent: "decimal", whole: "numeric" };
const UNITS = { percent: "%", dollars: "USD" };

function fieldView(name, form, { unit, placeholder }) {
  const { label, kind, choices, optional } = FIELDS[name];
  const id = `${form.prefix ?? ""}${name}`;
  if (kind === "slippage") return slippage(name, id, form);
  const set = (event) => form.set({ [name]: INPUT_MODES[kind] === "decimal" ? typedDecimal(event.target.value) : event.target.value.trim() });
  const value = form.fields[name];
  const message = form.error(name);
  const error = html`<p class="field-error" id="${id}-error">${message ?? nothing}</p>`;
  if (kind === "choice") {
    const shown = choices.filter(([one]) => one !== "ioc" || ORDER_TYPES[form.fields.type].ioc);
    return html`<label for=${id}>${label}</label>${choice(id, shown, value, set)}${error}`;
  }
  return html`
    <label for=${id}>${label}</label>
    <input id=${id} type=${kind === "moment" ? "datetime-local" : "text"} step=${kind === "moment" ? 1 : nothing}
      inputmode=${INPUT_MODES[kind] ?? nothing} maxlength="44" spellcheck="false"
      .value=${live(value)} placeholder=${optional ? "optional" : kind === "price" ? placeholder : nothing}
      aria-invalid=${message !== undefined} aria-describedby="${id}-unit ${id}-error" @input=${set}>
    <span class="unit" id="${id}-unit">${kind === "price" ? (FIELDS[name].unit?.(form.fields) ?? unit) : (UNITS[kind] ?? nothing)}${name === "every"
      ? choice("everyUnit", UNITS_OF_TIME, form.fields.everyUnit, (event) => form.set({ everyUnit: event.target.value }), "Unit of the interval")
      : nothing}</span>
    ${error}`;
}

const choice = (id, choices, selected, set, label = nothing) => html`
  <select id=${id} aria-label=${label} @change=${set}>
    ${choices.map(([value, text]) => html`<option value=${value} .selected=${live(value === selected)}>${text}</option>`)}
  </select>`;

function slippage(name, id, { fields, error, set }) {
  const { presets, hint, high } = FIELDS[name];
  const message = error(name);
  return html`
    <fieldset class="slippage">
      <legend title=${hint}>Slippage</legend>
      ${presets.map((bps) => html`<label class="choice"><input type="radio" name="preset" .checked=${live(toBps(fields[name]) === bps)} @change=${() => set({ [name]: toPercent(bps) })}><span>${toPercent(bps)} %</span></label>`)}
      <label class="custom"><span class="visually-hidden">Slippage in percent</span><input id=${id} inputmode="decimal" maxlength="6" .value=${live(fields[name])}
        aria-invalid=${message !== undefined} aria-describedby="${id}-error" @input=${(event) => set({ [name]: typedDecimal(event.target.value) })}> %</label>
    </fieldset>
    <p class="field-error" id="${id}-error">${message ?? nothing}</p>
    ${toBps(fields[name]) > high ? html`<p class="warning-box wide" role="status"><strong>Slippage ${fields[name]} %.</strong> The swap may bring that much less than it could.</p>` : nothing}`;
}

/** "10 slices of 0.15 SOL, over 9 h 0 min"; empty while a field is not valid. */
export function scheduleText({ amount, tokenIn, slices, every, everyUnit }, decimals) {
  const units = toUnits(amount.trim(), decimals);
  if (units === null || fieldError("slices", slices) || fieldError("every", every)) return "";
  const seconds = (Number(slices) - 1) * Number(every) * Number(everyUnit);
  return `${slices} slices of ${toDecimal(units / BigInt(slices), decimals)} ${tokenIn}, over ${duration(seconds * 1_000)}.`;
}
