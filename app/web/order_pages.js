// Reading the list of orders page by page.

const PAGE_SIZE = 200;
export const MAX_ORDERS = 10_000;

/** All orders of this query, newest first, at most MAX_ORDERS. `onProgress` gets how many were read so far. */
export async function readAll(api, query, onProgress) {
  const orders = [];
  let cursor = null;
  do {
    const page = await api.get("api/orders", { ...query, limit: PAGE_SIZE, cursor });
    orders.push(...page.orders);
    cursor = page.nextCursor;
    onProgress(orders.length);
  } while (cursor !== null && orders.length < MAX_ORDERS);
  return orders;
}
