// What became of the order that was placed last: on a phone the list of orders is out of sight.

import { amount } from "../amount.js";
import { tokenName } from "../conditions.js";
import { currentState } from "../order_log.js";
import { html, nothing } from "../vendor/lit-html/lit-html.js";

/** `log`: undefined if nothing was placed. */
export function lastOrder(log, onShow) {
  const order = log && currentState(log);
  if (!order) return nothing;
  const received = order.amountOut ? amount(order.amountOut, order.tokenOut) : html`<span class="token">${tokenName(order.tokenOut)}</span>`;
  return html`
    <p class="placed"><span><b class="status ${order.status}">${order.status}</b> ${amount(order.amount, order.tokenIn)} <span class="arrow" aria-label="for">→</span> ${received}</span>
      <button class="link-button" type="button" @click=${() => onShow(order.orderId)}>Show the order</button></p>`;
}
