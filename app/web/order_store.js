// The orders that this page knows. Events come from the socket; everything before the first event is read from the API.

import { LateReads } from "./late_reads.js";
import { NewestFirst, sortKey } from "./newest_first.js";
import { matcher, queryOf } from "./order_filter.js";
import { applyEvent, applyResponse, currentState, emptyLog, isComplete, isOpen, isUnfinished, lastSeqWithoutGap, statusOf } from "./order_log.js";

const PAGE_SIZE = 15;
const MAX_PAGE_SIZE = 200;
const MAX_CATCH_UP_PAGES = 20;
const MAX_ORDERS = 2_000; // more are pruned
const KEPT_ORDERS = 400; // by pruning, besides unfinished ones
const PRUNE_INTERVAL_MS = 60_000;
const CATCH_UP_OVERLAP_MS = 5_000; // events arrive in commit order, which can differ from the order of creation

export class OrderStore {
  constructor(api, onChange) {
    Object.assign(this, { api, onChange });
    this.onEvent = () => {}; // called once with each event and the order's log, when the order has been read
    this.onGap = () => {}; // called when orders that have ended are missing among the newer ones
    this.logs = new Map();
    this.newestFirst = new NewestFirst(); // of those that were read
    this.filter = {};
    this.search = "";
    [this.openId, this.problem, this.loading] = [null, null, false];
    this.#resetPaging();
    this.caughtUp = false; // nothing is missing between the newest order and the last page loaded
    this.catchUpFrom = null; // creation time of the newest known order, when the connection was lost
    this.prunedAt = 0;
    this.loadingIds = new Set(); // orders being read with their log
    this.lateReads = new LateReads(this); // of orders known from an event only
  }

  // Called by the stream.

  applyEvent(event) {
    const before = this.logs.get(event.orderId) ?? emptyLog(event.orderId);
    const after = applyEvent(before, event);
    if (after === before) return;
    this.logs.set(event.orderId, after);
    if (after.snapshot) this.onEvent(event, after);
    // Amounts are in no event: an unknown order is read, and what the slices of an order brought once it has ended.
    if (!after.snapshot || (after.snapshot.slices && !isUnfinished(after))) this.lateReads.add(event.orderId);
    if (this.logs.size > MAX_ORDERS && Date.now() > this.prunedAt + PRUNE_INTERVAL_MS) this.#prune();
    this.onChange();
  }

  /** Every event arrives from now on. Earlier changes are read from the API. */
  connected() {
    this.isConnected = true;
    this.#reportFailure((this.catchUpFrom === null ? this.#loadAnew() : this.#catchUp()).then(() => (this.caughtUp = this.isConnected)));
  }

  disconnected() {
    this.isConnected = false;
    if (!this.caughtUp) return; // the connection was lost while catching up: start from the same point again
    this.caughtUp = false;
    this.catchUpFrom = Math.max(0, ...[...this.logs.values()].map(({ snapshot }) => Date.parse(snapshot?.createdAt ?? 0)));
  }

  /** Events were lost after they had been received: their numbers now belong to others. */
  forget() {
    this.logs.clear();
    this.lateReads.ids.clear();
    this.newestFirst = new NewestFirst();
    this.catchUpFrom = null;
    this.onChange();
  }

  unfinished() {
    return [...this.logs.values()].filter(isUnfinished).map((log) => [log.id, lastSeqWithoutGap(log)]);
  }

  remove(id) {
    const snapshot = this.logs.get(id)?.snapshot;
    if (snapshot) this.newestFirst.remove(snapshot);
    this.logs.delete(id);
    this.onChange();
  }

  // Called by the views.

  /** Starts the list again from the top, with this filter. */
  async loadList(filter = this.filter) {
    this.filter = filter;
    this.#resetPaging();
    await this.#loadPage(null);
  }

  async loadOlder() {
    this.limit += PAGE_SIZE;
    if (this.#matching(this.limit).length < this.limit && this.nextCursor !== null) await this.#loadPage(this.nextCursor ?? null);
    this.onChange();
  }

  /** The orders to show, newest first. */
  visible() {
    const rows = this.#matching(this.limit);
    const open = this.logs.get(this.openId);
    if (open?.snapshot && !rows.includes(open)) rows.push(open);
    return rows;
  }

  get hasOlder() {
    return this.nextCursor !== null || this.#matching(this.limit + 1).length > this.limit;
  }

  get underWayCount() {
    return this.#sorted().filter((log) => isUnfinished(log) && !isOpen(log)).length;
  }

  /** The orders that wait for their condition, newest first. */
  get waiting() {
    return this.#sorted().filter(isOpen);
  }

  /** The orders that were filled, as they are now. */
  filled() {
    return this.#sorted().filter((log) => statusOf(log) === "confirmed").map(currentState);
  }

  /** The orders of a group that have not ended. */
  ofGroup(groupId) {
    return this.#sorted().filter((log) => log.snapshot.groupId === groupId && isUnfinished(log));
  }

  /** Orders as another view has just read them. */
  learn(orders) {
    orders.forEach((order) => this.#apply(order));
  }

  open(id) {
    this.openId = id;
    const log = this.logs.get(id);
    if (id && (!log?.snapshot || !isComplete(log))) this.#reportFailure(this.loadOrder(id));
    this.onChange();
  }

  /** Reads one order with its whole log. */
  async loadOrder(id) {
    if (this.loadingIds.has(id)) return;
    this.loadingIds.add(id);
    try {
      this.#apply(await this.api.get(`api/orders/${id}`));
    } catch (error) {
      if (error.status !== 404) throw error;
      this.remove(id);
      if (this.openId === id) this.openId = null;
    } finally {
      this.loadingIds.delete(id);
      this.onChange();
    }
  }

  #resetPaging() {
    this.limit = PAGE_SIZE;
    this.nextCursor = undefined; // undefined: no page was read; null: the last page was read
    this.oldestKey = "";
  }

  /** All orders that were read, newest first. */
  #sorted() {
    return [...this.newestFirst.ids()].map((id) => this.logs.get(id));
  }

  /** At most `count`. Orders below the last page are left out: between them, others may not have been read. */
  #matching(count) {
    const isMatch = matcher(this.filter, this.search);
    const found = [];
    for (const id of this.newestFirst.ids(this.oldestKey)) {
      if (found.length === count) break;
      if (isMatch(this.logs.get(id))) found.push(this.logs.get(id));
    }
    return found;
  }

  #apply(order) {
    const before = this.logs.get(order.orderId) ?? emptyLog(order.orderId);
    if (!before.snapshot) this.newestFirst.add(order);
    const after = applyResponse(before, order);
    this.logs.set(order.orderId, after);
    this.lateReads.ids.delete(order.orderId);
    const told = new Set(before.snapshot ? before.events : []); // the answer may have events that the socket brings later
    for (const event of after.events) if (!told.has(event)) this.onEvent(event, after);
    this.onChange();
  }

  async #loadPage(cursor) {
    const filter = this.filter;
    this.loading = true;
    this.onChange();
    try {
      let page;
      do { // a filter that matches few orders has empty pages before the last
        page = await this.api.get("api/orders", { ...queryOf(filter), limit: PAGE_SIZE * 2, cursor });
        page.orders.forEach((order) => this.#apply(order));
        if (filter !== this.filter) return;
        cursor = page.nextCursor;
      } while (page.orders.length === 0 && cursor !== null);
      this.nextCursor = page.nextCursor;
      this.oldestKey = page.nextCursor === null ? "" : sortKey(page.orders.at(-1));
      this.problem = null;
    } finally {
      this.loading = false;
      this.onChange();
    }
  }

  async #loadAnew() {
    await this.loadList();
    if (this.openId) this.open(this.openId);
  }

  /** Reads the orders placed while the page was offline. The socket continues those that it already knew. */
  async #catchUp() {
    const until = this.catchUpFrom - CATCH_UP_OVERLAP_MS;
    let cursor = null;
    for (let pages = 0; pages < MAX_CATCH_UP_PAGES; pages += 1) {
      const page = await this.api.get("api/orders", { limit: MAX_PAGE_SIZE, cursor });
      page.orders.forEach((order) => this.#apply(order));
      cursor = page.nextCursor;
      if (cursor === null || Date.parse(page.orders.at(-1).createdAt) < until) {
        if (this.openId) this.open(this.openId);
        return;
      }
    }
    this.onGap();
    await this.loadList(); // too many: start from the top
  }

  /** Bounds the memory of a page that stays open all day. Pruned orders can be read again. */
  #prune() {
    this.prunedAt = Date.now();
    for (const log of this.#sorted().slice(KEPT_ORDERS)) {
      if (!isUnfinished(log) && log.id !== this.openId) this.remove(log.id);
    }
    this.onGap();
    this.loadList().catch(() => {});
  }

  #reportFailure(work) {
    work.catch((error) => {
      this.problem = error;
      this.onChange();
    });
  }
}
