// The orders this page knows. The socket tells what happens; what it could not tell is read.

import { blank, hear, heardUpTo, isAlive, isWhole, read, standing, statusOf } from "./order_log.js";

const PAGE = 15;
const MOST_PER_PAGE = 200;
const MOST_PAGES = 20; // read at once, to catch up
const MOST_KEPT = 2_000;
const KEPT = 400;
const LOOK_BACK = 5_000; // ms: orders are told of in the order of their commits, which is not quite that of their making

/** Where an order stands in the list: newest first, as the engine sorts. */
const place = ({ createdAt, orderId }) => `${createdAt.replace("Z", "")} ${orderId}`;

export class OrderStore {
  constructor(api, changed) {
    this.api = api;
    this.changed = changed;
    this.failed = () => {}; // told of each order that fails
    this.stories = new Map();
    this.filter = {};
    this.open = null;
    this.problem = null;
    this.reading = false;
    this.#top();
    this.newest = null; // when the newest order was made that is surely known, as the socket was lost
    this.whole = false; // whether nothing is missing between the newest and the bottom
    this.tidied = 0;
    this.logs = new Set(); // ids whose log is being read
    this.strangers = new Set(); // ids heard of and not read yet
  }

  // What the socket says.

  hear(event) {
    const before = this.stories.get(event.orderId) ?? blank(event.orderId);
    const after = hear(before, event);
    if (after === before) return;
    this.stories.set(event.orderId, after);
    if (event.status === "failed") this.failed();
    if (!after.facts) this.#meet(event.orderId);
    if (this.stories.size > MOST_KEPT && Date.now() > this.tidied + 60_000) this.#tidy();
    this.changed();
  }

  /** From now on nothing is missed. What happened before is read. */
  follows() {
    this.following = true;
    this.#settle((this.newest === null ? this.list() : this.#catchUp()).then(() => (this.whole = this.following)));
  }

  lost() {
    this.following = false;
    if (!this.whole) return; // it was still catching up: there is still the same to catch up with
    this.whole = false;
    this.newest = Math.max(0, ...[...this.stories.values()].map(({ facts }) => Date.parse(facts?.createdAt ?? 0)));
  }

  underWay() {
    return [...this.stories.values()].filter(isAlive).map((story) => [story.id, heardUpTo(story)]);
  }

  forget(id) {
    this.stories.delete(id);
    this.changed();
  }

  // What the person at the page wants to see.

  /** The list begins anew, with this filter. */
  async list(filter = this.filter) {
    this.filter = filter;
    this.#top();
    await this.#down(null);
  }

  async older() {
    this.limit += PAGE;
    if (this.#matching().length < this.limit && this.bottom !== null) await this.#down(this.bottom ?? null);
    this.changed();
  }

  /** Those to be shown, newest first. */
  shown() {
    const rows = this.#matching().slice(0, this.limit);
    const open = this.stories.get(this.open);
    if (open?.facts && !rows.includes(open)) rows.push(open);
    return rows;
  }

  get hasOlder() {
    return this.bottom !== null || this.#matching().length > this.limit;
  }

  get aliveCount() {
    return [...this.stories.values()].filter((story) => story.facts && isAlive(story)).length;
  }

  show(id) {
    this.open = id;
    const story = this.stories.get(id);
    if (id && (!story?.facts || !isWhole(story))) this.#settle(this.log(id));
    this.changed();
  }

  /** One order with its whole log. */
  async log(id) {
    if (this.logs.has(id)) return;
    this.logs.add(id);
    try {
      this.#learn(await this.api.get(`api/orders/${id}`));
    } catch (error) {
      if (error.status !== 404) throw error;
      this.forget(id);
      if (this.open === id) this.open = null;
    } finally {
      this.logs.delete(id);
      this.changed();
    }
  }

  #top() {
    this.limit = PAGE;
    this.bottom = undefined; // the cursor below what was read; null: there is nothing below
    this.edge = "";
  }

  #matching() {
    const wanted = Object.entries(this.filter).filter(([, value]) => value);
    return [...this.stories.values()]
      .filter((story) => story.facts && place(story.facts) >= this.edge && fits(story, wanted))
      .sort((a, b) => (place(a.facts) < place(b.facts) ? 1 : -1));
  }

  #learn(order) {
    this.stories.set(order.orderId, read(this.stories.get(order.orderId) ?? blank(order.orderId), order));
    this.strangers.delete(order.orderId);
    this.changed();
  }

  /** The next page of the list. */
  async #down(cursor) {
    const filter = this.filter;
    this.reading = true;
    this.changed();
    try {
      const page = await this.api.get("api/orders", { ...filter, limit: PAGE * 2, cursor });
      page.orders.forEach((order) => this.#learn(order));
      if (filter !== this.filter) return;
      this.bottom = page.nextCursor;
      this.edge = page.nextCursor === null ? "" : place(page.orders.at(-1));
      this.problem = null;
    } finally {
      this.reading = false;
      this.changed();
    }
  }

  /** Everything that was made while nobody listened; orders that were under way then, the socket goes on with. */
  async #catchUp() {
    const until = this.newest - LOOK_BACK;
    let cursor = null;
    for (let pages = 0; pages < MOST_PAGES; pages += 1) {
      const page = await this.api.get("api/orders", { limit: MOST_PER_PAGE, cursor });
      page.orders.forEach((order) => this.#learn(order));
      cursor = page.nextCursor;
      if (cursor === null || Date.parse(page.orders.at(-1).createdAt) < until) {
        if (this.open) this.show(this.open);
        return;
      }
    }
    await this.list(); // too much to catch up with: begin at the top
  }

  /** An order that was placed elsewhere: what it is about has to be read. Many at once are read as a list. */
  #meet(id) {
    this.strangers.add(id);
    this.meeting ??= setTimeout(async () => {
      this.meeting = null;
      const few = [...this.strangers];
      if (few.length > 3) {
        const page = await this.api.get("api/orders", { limit: MOST_PER_PAGE }).catch(() => ({ orders: [] }));
        page.orders.forEach((order) => this.strangers.has(order.orderId) && this.#learn(order));
      }
      for (const one of [...this.strangers].slice(0, 20)) await this.log(one).catch(() => {});
      const left = [...this.strangers].find((one) => this.stories.has(one));
      if (left && this.following) this.#meet(left);
    }, 30);
  }

  /** A page that stays open all day keeps what is alive and what is new; the rest can be read again. */
  #tidy() {
    this.tidied = Date.now();
    const kept = [...this.stories.values()].filter((story) => story.facts).sort((a, b) => (place(a.facts) < place(b.facts) ? 1 : -1));
    for (const story of kept.slice(KEPT)) {
      if (!isAlive(story) && story.id !== this.open) this.stories.delete(story.id);
    }
    this.list().catch(() => {});
  }

  #settle(work) {
    work.catch((error) => {
      this.problem = error;
      this.changed();
    });
  }
}

function fits(story, wanted) {
  if (!wanted.length) return true;
  const order = { ...standing(story), venue: standing(story).dex, status: statusOf(story) };
  return wanted.every(([name, value]) => order[name] === value);
}
