// The trading page: creates its sections and connects them.

import { Activity } from "./activity/activity.js";
import { Amend } from "./activity/amend.js";
import { Fills } from "./activity/fills.js";
import { OpenOrders } from "./activity/open_orders.js";
import { Orders } from "./activity/orders.js";
import { Portfolio } from "./activity/portfolio.js";
import { dateTime } from "./clock.js";
import { Keyboard } from "./keyboard.js";
import { Launch } from "./launch.js";
import { Market } from "./market.js";
import { Notifications } from "./notifications.js";
import { OrderStore } from "./order_store.js";
import { runPage } from "./page.js";
import { PriceChart } from "./price_chart.js";
import { QueueStatus } from "./queue.js";
import { Stream } from "./stream.js";
import { OrderForm } from "./ticket/order_form.js";
import { Quotes } from "./ticket/quotes.js";
import { Wallet } from "./ticket/wallet.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";

const RETRY_MS = 2_000;

function tradingPage({ api, signIn, announce, onChange, renderNow }) {
  const orderStore = new OrderStore(api, onChange);
  const stream = new Stream(api, orderStore, onChange);
  const quotes = new Quotes(api, onChange);
  const launch = new Launch(api, announce, { onLaunched: () => orderForm.loadTokens(), onSnipe: (mint) => orderForm.snipe(mint) }, onChange);
  const priceChart = new PriceChart(api, orderStore, onChange);
  const market = new Market(api, launch, priceChart, announce, onChange);
  const wallet = new Wallet(api, onChange);
  const orderForm = new OrderForm(api, quotes, market, wallet, orderStore, announce, { onPlaced: (type) => activity.select(type === "market" ? "history" : "open"), onShow: showOrder }, onChange);
  const queueStatus = new QueueStatus(api, onChange);
  const orders = new Orders(api, orderStore, orderForm, queueStatus, announce, onChange);
  const openOrders = new OpenOrders(api, orderStore, orders, new Amend(api, orderStore, announce, onChange, renderNow), announce, onChange);
  const notifications = new Notifications(announce, onChange);
  const fills = new Fills(api, orderStore, onChange);
  const activity = new Activity({ open: openOrders, history: orders, fills, portfolio: new Portfolio(api, onChange) }, orderStore, notifications, onChange);
  const keyboard = new Keyboard({ "/": () => search(), b: () => document.getElementById("amount").focus() }, onChange);
  const sections = [market, orderForm, queueStatus, openOrders, activity, stream, quotes, wallet, keyboard];
  orderStore.onEvent = (event, log) => {
    notifications.onEvent(event, log);
    if (event.status === "confirmed") wallet.read();
  };
  orderStore.onGap = () => activity.tab === "fills" && fills.show();
  let stopped = false;
  let drawn = 0; // frames. The first has the ticket alone, the second the market too: no frame of a slow phone is long.
  // The orders come when the market has its height: they would move

  function search() {
    activity.select("history");
    renderNow(); // what is hidden cannot have the focus
    orders.focusSearch();
  }

  function showOrder(id) {
    activity.select("history");
    if (orderStore.openId !== id) orderStore.open(id);
    renderNow();
    const row = document.querySelector(`.order[data-order="${id}"] .toggle`);
    row?.focus();
    row?.scrollIntoView({ block: "center" });
  }

  /** Reads the tokens and the list, and retries until it succeeds or the caller has signed out. */
  async function loadOnce() {
    try {
      await Promise.all([orderForm.loadTokens(), orderStore.loadList()]);
      const orderInUrl = /^#([0-9a-f-]{36})$/.exec(location.hash);
      if (orderInUrl) orderStore.open(orderInUrl[1]);
    } catch (error) {
      if (stopped) return;
      orderStore.problem = error.code === "unreachable" ? null : error;
      setTimeout(() => !stopped && signIn.hasAccess && loadOnce(), RETRY_MS);
    }
    onChange();
  }

  return {
    start() {
      sections.forEach((section) => section.start());
      loadOnce();
    },
    stop() {
      stopped = true;
      sections.forEach((section) => section.stop());
    },
    connection: () => connectionOf(stream),
    note: () => (orderForm.isPractice ? `${orderForm.hasLaunches ? "Venues and chain are simulated" : "A chain on this machine"}: no money moves.` : nothing),
    banner: () => queueStatus.warning(),
    view() {
      drawn += 1;
      if (drawn < 3) onChange();
      return html`<div class="layout">${orderForm.view()}<div class="stack">${drawn > 1 ? market.view(orderForm.hasLaunches) : nothing}${drawn > 2 && (market.hasAnswered || !market.pair) ? activity.view() : nothing}</div></div>${keyboard.view()}`;
    },
  };
}

function connectionOf({ state, failures, retryAt, reason, lastReceivedAt }) {
  if (state === "live") return { kind: "live", label: "Live", text: null };
  if (state === "connecting" && !failures) return { kind: "", label: "Connecting", text: null };
  if (state === "refused") return { kind: "offline", label: "Not live", text: reason };
  const seconds = Math.max(0, Math.ceil(((retryAt ?? 0) - Date.now()) / 1_000));
  const retry = state === "waiting" && seconds ? `Reconnecting in ${seconds} s.` : "Reconnecting …";
  const age = lastReceivedAt ? ` This page was last updated at ${dateTime(lastReceivedAt)}.` : "";
  return { kind: "offline", label: "Offline", text: `The engine cannot be reached.${age} Accepted orders continue without this page. ${retry}` };
}

runPage(tradingPage);
