// Draws the price chart with uPlot, which is loaded when there is something to draw.

import { dateTime, dayOf, timeOfDay } from "./clock.js";
import { shortPrice } from "./money.js";
import { drawCandles } from "./price_candles.js";

const DASH = { meteora: [6, 3] }; // not told apart by colour alone
const AXIS = 28; // px below the plot
const LABEL = 15; // px between two labels
const GAP_SECONDS = 90; // shorter ones are drawn over: a watcher that is restarted
const MOST_LEVELS = 20; // that are drawn
const NEAR = 1.5; // of the height of the price: levels so far away are inside the plot, others at its edge
const LEAST_SPAN = 0.001; // of the price: a price that stands still is a line in the middle
const DAY_SECONDS = 86_400;

let loading = null;

/** A classic script: uPlot's own build is no module. */
function loadUPlot() {
  const url = (name) => new URL(`vendor/uplot/${name}`, import.meta.url).href;
  loading ??= new Promise((resolve, reject) => {
    document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: url("uPlot.min.css") }));
    const script = Object.assign(document.createElement("script"), { src: url("uPlot.iife.min.js") });
    script.onload = () => setTimeout(() => resolve(globalThis.uPlot)); // drawing is a task of its own
    script.onerror = reject;
    document.head.append(script);
  }).catch(() => (loading = null));
  return loading;
}

export class PricePlot {
  /** `onCursor(index)`: the point that is read; null: none. */
  constructor(onCursor) {
    this.onCursor = onCursor;
    this.element = document.createElement("div");
    this.shown = null;
    this.pinned = null; // the index that keys chose
    new ResizeObserver(() => this.#resize()).observe(this.element);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#again());
  }

  clear() {
    [this.shown, this.pinned] = [null, null];
    this.#destroy();
  }

  /** `shown`: {points: [[seconds, {name: price}]], lines: names, isCandles, step, from, to, levels, fills}. */
  async show(shown) {
    const isOther = shown.lines.join() !== this.shown?.lines.join();
    this.shown = shown;
    const uPlot = await loadUPlot();
    if (!uPlot || !this.shown) return;
    if (isOther) this.#destroy();
    if (!this.uPlot && this.element.clientWidth) this.#create(uPlot);
    else this.uPlot?.setData(this.#data());
    if (this.pinned !== null) this.moveCursor(this.pinned);
  }

  moveCursor(index) {
    this.pinned = index;
    const [time] = index === null ? [null] : this.shown.points[index];
    this.uPlot?.setCursor(index === null ? { left: -10, top: -10 } : { left: this.uPlot.valToPos(time, "x"), top: 0 });
    this.onCursor(index);
  }

  #again() {
    this.#destroy();
    if (this.shown) this.show(this.shown);
  }

  #destroy() {
    this.uPlot?.destroy();
    this.uPlot = null;
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (this.uPlot) this.uPlot.setSize({ width, height });
    else if (this.shown && width) this.show(this.shown);
  }

  /** Where steps are missing, an empty row interrupts the lines. */
  #data() {
    const { points, lines, step } = this.shown;
    const rows = points.flatMap(([time, prices], n) => (n && time > points[n - 1][0] + Math.max(GAP_SECONDS, 1.5 * step) ? [[time - 1, {}], [time, prices]] : [[time, prices]]));
    return [rows.map(([time]) => time), ...lines.map((line) => rows.map(([, prices]) => prices[line] ?? null))];
  }

  #span() {
    const { points, levels, fills } = this.shown;
    const prices = points.flatMap(([, at]) => Object.values(at));
    const [low, high] = [Math.min(...prices), Math.max(...prices)];
    const reach = Math.max(high - low, high * LEAST_SPAN) * NEAR;
    const marks = [...levels, ...fills].map(({ price }) => price).filter((price) => price > low - reach && price < high + reach);
    const [bottom, top] = [Math.min(low, ...marks), Math.max(high, ...marks)];
    const margin = Math.max((top - bottom) * 0.1, (high * LEAST_SPAN) / 2);
    return [bottom - margin, top + margin];
  }

  #create(uPlot) {
    const style = getComputedStyle(this.element);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const [muted, border] = [colour("text-muted"), colour("border")];
    const axis = { stroke: muted, font: `12px ${style.fontFamily}`, grid: { stroke: border, width: 1 }, ticks: { show: false } };
    this.colours = { open: colour("accent"), sells: colour("danger"), buys: colour("success"), surface: colour("surface"), font: style.fontFamily };
    const options = {
      width: this.element.clientWidth,
      height: this.element.clientHeight,
      padding: [8, 0, 0, 4],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      scales: { x: { range: () => [this.shown.from, this.shown.to] }, y: { range: () => this.#span() } },
      axes: [
        { ...axis, size: AXIS, space: 70, values: (_, times, _axis, _space, step) => times.map((time) => timeLabel(time, step)) },
        { ...axis, side: 1, size: (_, labels) => 14 + 7 * Math.max(...(labels ?? [""]).map((text) => text.length)), values: (_, prices, _axis, _space, step) => prices.map((price) => priceLabel(price, step)) },
      ],
      series: [{}, ...this.shown.lines.map((line) => ({ stroke: colour(line) || colour("text"), width: 1.75, dash: DASH[line], ...(this.shown.isCandles ? { paths: () => null, points: { show: false } } : { points: { size: 5 } }) }))],
      hooks: {
        draw: [(plot) => this.#drawMarks(plot)],
        setCursor: [(plot) => this.#onCursor(plot)],
      },
    };
    this.uPlot = new uPlot(options, this.#data(), this.element);
  }

  #onCursor(plot) {
    if (this.pinned !== null) return;
    const { idx } = plot.cursor;
    const time = idx === null || idx === undefined ? null : plot.data[0][idx];
    const index = this.shown.points.findIndex(([at]) => at === time);
    this.onCursor(index < 0 ? null : index);
  }

  #drawMarks(plot) {
    const { ctx, bbox } = plot;
    const px = devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    if (this.shown.isCandles) drawCandles(ctx, this.shown.points, { seconds: this.shown.step, xOf: (time) => plot.valToPos(time, "x", true), yOf: (price) => plot.valToPos(price, "y", true), px, colours: this.colours });
    this.#drawLevels(plot, px);
    for (const fill of this.shown.fills) this.#drawFill(plot, fill, px);
    ctx.restore();
  }

  /** A dashed line for each open order, with its name; at the edge with an arrow if its price is far away. */
  #drawLevels(plot, px) {
    const { ctx, bbox } = plot;
    const [top, bottom] = [bbox.top + LABEL * px, bbox.top + bbox.height - 5 * px];
    ctx.font = `${12 * px}px ${this.colours.font}`;
    ctx.strokeStyle = ctx.fillStyle = this.colours.open;
    let last = Infinity;
    const levels = this.shown.levels.slice(0, MOST_LEVELS).map((level) => ({ ...level, y: plot.valToPos(level.price, "y", true) })).sort((a, b) => b.y - a.y);
    for (const { name, price, y } of levels) {
      const arrow = y < bbox.top ? " ↑" : y > bbox.top + bbox.height ? " ↓" : "";
      if (!arrow) {
        ctx.setLineDash([2 * px, 4 * px]);
        ctx.beginPath();
        ctx.moveTo(bbox.left, y);
        ctx.lineTo(bbox.left + bbox.width, y);
        ctx.stroke();
      }
      const below = !arrow && y - 4 * px < top; // the line is close to the edge
      const at = Math.min(bottom, below ? y + LABEL * px : Math.max(top, y - 4 * px), last - LABEL * px);
      if (at >= top) this.#drawLabel(ctx, `${name} ${shortPrice(price)}${arrow}`, bbox.left + 6 * px, at, px);
      last = at;
    }
    ctx.setLineDash([]);
  }

  /** With a rim, so that it can be read on a line. */
  #drawLabel(ctx, text, x, y, px) {
    ctx.save();
    ctx.setLineDash([]);
    [ctx.lineWidth, ctx.lineJoin, ctx.strokeStyle] = [4 * px, "round", this.colours.surface];
    ctx.strokeText(text, x, y);
    ctx.fillText(text, x, y);
    ctx.restore();
  }

  #drawFill(plot, { at, price, sells }, px) {
    const { ctx } = plot;
    const [x, y, size] = [plot.valToPos(at, "x", true), plot.valToPos(price, "y", true), 5 * px];
    const tip = sells ? size : -size;
    ctx.beginPath();
    ctx.moveTo(x, y + tip);
    ctx.lineTo(x - size, y - tip);
    ctx.lineTo(x + size, y - tip);
    ctx.closePath();
    ctx.fillStyle = sells ? this.colours.sells : this.colours.buys;
    ctx.fill();
    ctx.lineWidth = px;
    ctx.strokeStyle = this.colours.surface;
    ctx.stroke();
  }
}

function timeLabel(time, step) {
  const date = new Date(time * 1_000);
  if (step >= DAY_SECONDS) return dayOf(date);
  return step < 60 ? dateTime(date) : timeOfDay(date);
}

/** With as many decimals as tell two lines of the grid apart. */
const priceLabel = (price, step) => price.toFixed(Math.min(18, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9))));
