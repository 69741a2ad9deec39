// The list on the page: newest on top, never moving what is being read, never longer than it should be.

import { Announcer } from "./announcer.js";
import { build, setRead } from "./card.js";
import { Group } from "./group.js";

const MOST_CARDS = 500;
const AT_TOP = 40; // pixels scrolled that still count as the top

export class List {
  constructor(main) {
    this.list = main.querySelector("#alerts");
    this.template = main.querySelector("#card");
    this.empty = main.querySelector("#empty");
    this.pager = main.querySelector("#pager");
    this.older = main.querySelector("#older");
    this.pill = main.querySelector("#newer");
    this.announcer = new Announcer(main.querySelector("#announcer"));
    this.above = 0; // new ones nobody has scrolled up to yet
    this.groups = new Map(); // by the name the log gives each
    this.#findGroups();
    this.pill.addEventListener("click", () => {
      scrollTo({ top: 0, behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth" });
      this.list.querySelector("a")?.focus({ preventScroll: true });
    });
    addEventListener("scroll", () => this.#isAtTop() && this.#setAbove(0), { passive: true });
  }

  get ids() {
    return this.#cards().map((card) => card.dataset.id);
  }

  /** Put alerts (rising positions) on top; those of a group that is on the page already join its card. */
  add(alerts) {
    const isAtTop = this.#isAtTop();
    const anchor = isAtTop ? null : this.#firstInView();
    const before = anchor?.getBoundingClientRect().top;
    const { single, grouped } = this.#sort(alerts);
    const items = single.slice(-MOST_CARDS).map((alert) => build(this.template, alert));
    this.list.prepend(...items.reverse());
    for (const item of items) this.#noteGroup(item);
    for (const [name, more] of grouped) this.groups.get(name)?.add(more);
    if (anchor) scrollBy({ top: anchor.getBoundingClientRect().top - before, behavior: "instant" });
    this.empty.hidden = true;
    this.#trim();
    if (!isAtTop && items.length) this.#setAbove(this.above + items.length);
    this.announcer.add(alerts);
  }

  mark(id, isRead) {
    const card = this.list.querySelector(`[data-id="${CSS.escape(id)}"]`);
    if (card) setRead(card, isRead);
  }

  markUpTo(position) {
    for (const card of this.#cards()) {
      if (Number(card.dataset.position) <= position) setRead(card, true);
    }
  }

  /** Bring an alert into view and focus it. Gives whether it is here. */
  focus(id) {
    const link = this.list.querySelector(`[data-id="${CSS.escape(id)}"] .alert-link`);
    link?.closest(".alert").scrollIntoView({ block: "center" });
    link?.focus({ preventScroll: true });
    return Boolean(link);
  }

  /** Take over the list of another copy of this page. */
  replace(main) {
    this.list.replaceChildren(...document.importNode(main.querySelector("#alerts"), true).children);
    this.empty.hidden = this.list.childElementCount > 0;
    const older = main.querySelector("#older");
    this.older.setAttribute("href", older.getAttribute("href"));
    this.pager.hidden = main.querySelector("#pager").hidden;
    this.#setAbove(0);
    this.#findGroups();
  }

  /** The first of a group not seen yet stands by itself; the rest is sorted by group. */
  #sort(alerts) {
    const single = [];
    const grouped = new Map();
    for (const alert of alerts) {
      if (alert.group && grouped.has(alert.group)) {
        grouped.get(alert.group).push(alert);
      } else if (alert.group && this.groups.has(alert.group)) {
        grouped.set(alert.group, [alert]);
      } else {
        single.push(alert);
        if (alert.group) grouped.set(alert.group, []);
      }
    }
    return { single, grouped: [...grouped].filter(([, more]) => more.length) };
  }

  #findGroups() {
    this.groups.clear();
    for (const item of this.list.children) this.#noteGroup(item);
  }

  #noteGroup(item) {
    const card = item.querySelector(".alert[data-group]");
    if (card) this.groups.set(card.dataset.group, new Group(card, Number(card.dataset.size) || 1));
  }

  #cards() {
    return [...this.list.querySelectorAll(".alert")];
  }

  #isAtTop() {
    return scrollY <= AT_TOP;
  }

  #firstInView() {
    return [...this.list.children].find((item) => item.getBoundingClientRect().bottom > 0) ?? null;
  }

  #trim() {
    while (this.list.childElementCount > MOST_CARDS) {
      const last = this.list.lastElementChild;
      this.groups.delete(last.querySelector(".alert").dataset.group);
      last.remove();
    }
    if (this.list.childElementCount === MOST_CARDS) {
      const last = this.list.lastElementChild.querySelector(".alert");
      this.older.href = `?before=${last.dataset.first}`;
      this.pager.hidden = false;
    }
  }

  #setAbove(count) {
    this.above = count;
    this.pill.hidden = !count;
    this.pill.textContent = count === 1 ? "1 new alert ↑" : `${count} new alerts ↑`;
  }
}
