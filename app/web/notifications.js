// Notifications of the browser when an order fires or ends while the page is in the background. Only if the user asks for them.

import { currentState } from "./order_log.js";
import { load, save } from "./storage.js";
import { html, nothing } from "./vendor/lit-html/lit-html.js";

const TEXTS = { confirmed: "filled", completed: "completed", failed: "failed", expired: "expired", cancelled: "cancelled" };
const MAX_AGE_MS = 60_000; // what is told late, after a reconnect, is no news

export class Notifications {
  constructor(announce, onChange) {
    Object.assign(this, { announce, onChange });
    this.permission = globalThis.Notification?.permission; // the browser takes milliseconds to say it, so not in each frame
    this.isOn = load("notifications", { isOn: false }).isOn && this.permission === "granted";
  }

  async toggle() {
    if (!this.isOn) this.permission = await Notification.requestPermission();
    const allowed = this.permission === "granted";
    this.isOn = !this.isOn && allowed;
    if (!allowed) this.announce("The browser does not allow notifications of this page.");
    save("notifications", { isOn: this.isOn });
    this.onChange();
  }

  /** An event of an order that was read, once for each. */
  onEvent(event, log) {
    const order = currentState(log);
    const text = event.status === "pending" && event.trigger ? "fired" : TEXTS[event.status];
    if (!this.isOn || !document.hidden || !text || !order || Date.now() - Date.parse(event.at) > MAX_AGE_MS) return;
    try {
      new Notification(`Order ${text}`, { body: `${order.amount ?? ""} ${order.tokenIn} → ${order.amountOut ?? ""} ${order.tokenOut}`, tag: order.orderId });
    } catch {
      // Chrome on Android has them for service workers only.
    }
  }

  view() {
    if (!this.permission || this.permission === "denied") return nothing;
    return html`<button class="link-button" type="button" aria-pressed=${this.isOn} title="When an order fires or ends while this page is in the background" @click=${() => this.toggle()}>${this.isOn ? "Notifications on" : "Notify me"}</button>`;
  }
}
