// Ids of orders, newest first: by creation and then by id, as the engine sorts them.

export const sortKey = ({ createdAt, orderId }) => `${createdAt.replace("Z", "")} ${orderId}`;

/** Each order is put in its place, which is nearly always the first: nothing is sorted again while orders come in. */
export class NewestFirst {
  #entries = []; // [key, id]

  #indexOf(key) {
    let [from, to] = [0, this.#entries.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.#entries[middle][0] > key) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  add(order) {
    const key = sortKey(order);
    const index = this.#indexOf(key);
    if (this.#entries[index]?.[0] !== key) this.#entries.splice(index, 0, [key, order.orderId]);
  }

  remove(order) {
    const key = sortKey(order);
    const index = this.#indexOf(key);
    if (this.#entries[index]?.[0] === key) this.#entries.splice(index, 1);
  }

  /** Down to `oldestKey`; empty: all. */
  *ids(oldestKey = "") {
    for (const [key, id] of this.#entries) {
      if (key < oldestKey) return;
      yield id;
    }
  }
}
