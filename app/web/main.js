// Creates the sections of the page, connects them, and renders the page when one of them changes.

import { Api } from "./api.js";
import { OrderStore } from "./order_store.js";
import { dateTime } from "./clock.js";
import { Launch } from "./launch.js";
import { Market } from "./market.js";
import { OpenOrders } from "./open_orders.js";
import { SignIn } from "./sign_in.js";
import { QueueStatus } from "./queue.js";
import { DeadLetters } from "./dead_letters.js";
import { Orders } from "./orders.js";
import { Quotes } from "./quotes.js";
import { Stream } from "./stream.js";
import { OrderForm } from "./order_form.js";
import { html, nothing, render } from "./vendor/lit-html/lit-html.js";

const TICK_MS = 250; // for ages and countdowns
const RETRY_MS = 2_000;

let renderScheduled = false;
function scheduleRender() {
  if (renderScheduled) return;
  renderScheduled = true;
  // Browsers call this only while the page is visible: a hidden page renders nothing.
  requestAnimationFrame(() => {
    renderScheduled = false;
    renderPage();
  });
}

/** Screen readers read this text aloud. */
function announce(text) {
  document.getElementById("live-region").textContent = text;
}

const signIn = new SignIn(start, stop, scheduleRender);
const api = new Api(signIn);
let orderStore, stream, quotes, market, orderForm, deadLetters, queueStatus, orders, openOrders;

function start() {
  orderStore = new OrderStore(api, scheduleRender);
  stream = new Stream(api, orderStore, scheduleRender);
  quotes ??= new Quotes(api, scheduleRender);
  const launch = new Launch(api, announce, { onLaunched: () => orderForm.loadTokens(), onSnipe: (mint) => orderForm.snipe(mint) }, scheduleRender);
  market = new Market(api, launch, announce, scheduleRender);
  orderForm = new OrderForm(api, quotes, market, orderStore, announce, scheduleRender);
  deadLetters = new DeadLetters(api, orderStore, announce, scheduleRender);
  orderStore.onFailed = () => deadLetters.allowed && deadLetters.start();
  queueStatus = new QueueStatus(api, deadLetters, announce, scheduleRender);
  orders = new Orders(api, orderStore, orderForm, queueStatus, announce, scheduleRender);
  openOrders = new OpenOrders(api, orderStore, orders, announce, scheduleRender);
  for (const section of [queueStatus, deadLetters, market, openOrders]) section.start();
  stream.start();
  loadOnce();
}

/** Reads the tokens and the list, and retries until it succeeds or the caller has signed out. */
async function loadOnce() {
  const session = orderForm;
  try {
    await Promise.all([orderForm.loadTokens(), orderStore.loadList()]);
    const orderInUrl = /^#([0-9a-f-]{36})$/.exec(location.hash);
    if (orderInUrl) orderStore.open(orderInUrl[1]);
  } catch (error) {
    if (error.status === 401 || session !== orderForm) return;
    orderStore.problem = error.code === "unreachable" ? null : error;
    setTimeout(() => session === orderForm && signIn.hasAccess && loadOnce(), RETRY_MS);
  }
  scheduleRender();
}

function stop() {
  for (const section of [stream, queueStatus, deadLetters, market, openOrders]) section.stop();
  quotes.request(null);
}

function connection() {
  const { state, retryAt, reason, lastReceivedAt } = stream;
  if (state === "live") return { kind: "live", label: "Live", text: null };
  if (state === "connecting" && !stream.failures) return { kind: "", label: "Connecting", text: null };
  if (state === "refused") return { kind: "offline", label: "Not live", text: reason };
  const seconds = Math.max(0, Math.ceil(((retryAt ?? 0) - Date.now()) / 1_000));
  const retry = state === "waiting" && seconds ? `Reconnecting in ${seconds} s.` : "Reconnecting …";
  const age = lastReceivedAt ? ` This page was last updated at ${dateTime(lastReceivedAt)}.` : "";
  return { kind: "offline", label: "Offline", text: `The engine cannot be reached.${age} Accepted orders continue without this page. ${retry}` };
}

function renderPage() {
  const { kind, label, text } = signIn.hasAccess ? connection() : { kind: "", label: "", text: null };
  render(
    html`
      <header class="page-header">
        <h1>Order Execution Engine</h1>
        ${label ? html`<span class="connection ${kind}" role="status"><span class="dot" aria-hidden="true"></span>${label}</span>` : nothing}
        <nav aria-label="More">
          <a href="docs">API documentation</a>
          ${signIn.hasAccess && signIn.key ? html`<button class="link-button" type="button" @click=${() => signIn.signOut()}>Sign out</button>` : nothing}
        </nav>
        <p class="intro">Swaps one token for another at the better of two venues, Raydium and Meteora, and shows every step. Venues and chain are simulated: no money moves.</p>
      </header>
      ${text ? html`<p class="banner offline">${text}</p>` : nothing}
      ${signIn.hasAccess
        ? html`${queueStatus.warning()}<div class="layout">${orderForm.view()}${market.view()}${queueStatus.view()}<div class="stack">${openOrders.view()}${orders.view()}${deadLetters.view()}</div></div>`
        : signIn.view()}`,
    document.getElementById("page"),
  );
}

start();
setInterval(scheduleRender, TICK_MS);
