// An order placed elsewhere is read a moment after its first event, because amounts are in no event.

const MAX_PAGE_SIZE = 200;
const MAX_SINGLE_READS = 20;
const READ_MS = 30; // from the first event of an unknown order until it is read
const READ_MANY_MS = 300; // after many had to be read: more are coming
const MAX_READ_ALONE = 3; // more are first read as a list

export class LateReads {
  constructor(orderStore) {
    this.orderStore = orderStore;
    this.ids = new Set(); // the store takes out what it has read
    this.waitMs = READ_MS;
    this.timer = null;
  }

  add(id) {
    this.ids.add(id);
    this.timer ??= setTimeout(() => this.#read(), this.waitMs);
  }

  async #read() {
    const { orderStore } = this;
    const ids = [...this.ids];
    const isMany = ids.length > MAX_READ_ALONE;
    if (isMany) {
      const page = await orderStore.api.get("api/orders", { limit: Math.min(MAX_PAGE_SIZE, 2 * ids.length) }).catch(() => ({ orders: [] }));
      orderStore.learn(page.orders.filter(({ orderId }) => this.ids.has(orderId)));
    }
    for (const one of ids.filter((id) => this.ids.has(id)).slice(0, MAX_SINGLE_READS)) await orderStore.loadOrder(one).catch(() => {});
    this.timer = null;
    this.waitMs = isMany ? READ_MANY_MS : READ_MS;
    const left = [...this.ids].find((one) => orderStore.logs.has(one));
    if (left && orderStore.isConnected) this.add(left);
  }
}
