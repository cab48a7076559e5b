// The page: its parts, wired together, and drawn anew whenever one of them has changed.

import { Api } from "./api.js";
import { OrderStore } from "./order_store.js";
import { moment } from "./clock.js";
import { SignIn } from "./sign_in.js";
import { QueueStatus } from "./queue.js";
import { DeadLetters } from "./dead_letters.js";
import { Orders } from "./orders.js";
import { Quotes } from "./quotes.js";
import { Stream } from "./stream.js";
import { Ticket } from "./ticket.js";
import { html, nothing, render } from "./vendor/lit-html/lit-html.js";

const TICK = 250; // ages and countdowns

let drawing = false;
function changed() {
  if (drawing) return;
  drawing = true;
  // A hidden page draws nothing; it is drawn when it is looked at again.
  requestAnimationFrame(() => {
    drawing = false;
    draw();
  });
}

/** Said aloud by screen readers. */
function tell(sentence) {
  document.getElementById("told").textContent = sentence;
}

const door = new SignIn(enter, leave, changed);
const api = new Api(door);
let book, stream, quotes, ticket, letters, engine, orders;

function enter() {
  book = new OrderStore(api, changed);
  stream = new Stream(api, book, changed);
  quotes ??= new Quotes(api, changed);
  ticket = new Ticket(api, quotes, book, tell, changed);
  letters = new DeadLetters(api, book, tell, changed);
  book.failed = () => letters.allowed && letters.start();
  engine = new QueueStatus(api, letters, tell, changed);
  orders = new Orders(api, book, ticket, engine, tell, changed);
  engine.start();
  letters.start();
  stream.start();
  start();
}

/** What is read once: tried again until it is there. */
async function start() {
  const mine = ticket;
  try {
    await Promise.all([ticket.open(), book.list()]);
    const named = /^#([0-9a-f-]{36})$/.exec(location.hash);
    if (named) book.show(named[1]);
  } catch (error) {
    if (error.status === 401 || mine !== ticket) return;
    book.problem = error.code === "away" ? null : error;
    setTimeout(() => mine === ticket && door.isOpen && start(), 2_000);
  }
  changed();
}

function leave() {
  for (const part of [stream, engine, letters]) part.stop();
  quotes.ask(null);
}

function connection() {
  const { state, retryAt, reason, since } = stream;
  if (state === "following") return { kind: "live", word: "Live", text: null };
  if (state === "connecting" && !stream.failures) return { kind: "", word: "Connecting", text: null };
  if (state === "refused") return { kind: "off", word: "Not live", text: reason };
  const seconds = Math.max(0, Math.ceil(((retryAt ?? 0) - Date.now()) / 1_000));
  const when = state === "waiting" && seconds ? `Trying again in ${seconds} s.` : "Trying again …";
  const as = since ? ` What you see is from ${moment(since)}.` : "";
  return { kind: "off", word: "Offline", text: `The engine cannot be reached.${as} Orders it has accepted go on without this page. ${when}` };
}

function draw() {
  const { kind, word, text } = door.isOpen ? connection() : { kind: "", word: "", text: null };
  render(
    html`
      <header class="top">
        <h1>Order Execution Engine</h1>
        ${word ? html`<span class="connection ${kind}" role="status"><span class="dot" aria-hidden="true"></span>${word}</span>` : nothing}
        <nav aria-label="More">
          <a href="docs">API documentation</a>
          ${door.isOpen && door.key ? html`<button class="plain" type="button" @click=${() => door.leave()}>Forget my key</button>` : nothing}
        </nav>
        <p class="lead">Swaps one token for another at the better of two venues, Raydium and Meteora, and shows every step. Venues and chain are simulated: no money moves.</p>
      </header>
      ${text ? html`<p class="banner off">${text}</p>` : nothing}
      ${door.isOpen
        ? html`${engine.warning()}<div class="desk">${ticket.view()}${engine.view()}<div class="stack">${orders.view()}${letters.view()}</div></div>`
        : door.view()}`,
    document.getElementById("page"),
  );
}

enter();
setInterval(changed, TICK);
