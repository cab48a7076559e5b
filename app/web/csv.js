// Orders as a CSV file that spreadsheets open.

const COLUMNS = ["orderId", "createdAt", "updatedAt", "status", "orderType", "tokenIn", "amount", "tokenOut", "amountOut", "executedPrice", "minAmountOut", "slippageBps", "dex", "valueUsd", "txHash", "code", "attempt", "clientOrderId", "groupId", "parentId", "retryOf"];

/** Spreadsheets run a cell that begins like a formula: it gets an apostrophe. In some countries `;` begins a cell too. */
function cell(value) {
  if (value === null || value === undefined) return "";
  const text = String(value);
  const safe = text.replace(/(^|;)(?=[=+\-@\t\r])/g, "$1'");
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export const toCsv = (orders) => [COLUMNS, ...orders.map((order) => COLUMNS.map((name) => order[name]))].map((row) => `${row.map(cell).join(",")}\r\n`).join("");

export function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = document.createElement("a");
  Object.assign(link, { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
