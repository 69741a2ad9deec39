// A storm on the page: one card for all of a group. Its counter rises in place, and it opens into its list.

import { show } from "./card.js";
import { setTime } from "./times.js";

const MOST_LISTED = 50;

export class Group {
  /** `card` stands for `size` alerts so far. */
  constructor(card, size) {
    this.card = card;
    this.size = size;
    this.part = (name) => card.querySelector(`.${name}`);
    this.button = this.part("group-toggle");
    this.list = this.part("group-list");
    this.all = this.part("group-all");
    this.all.href = `/?group=${encodeURIComponent(card.dataset.group)}`;
    this.button.addEventListener("click", () => (this.isOpen ? this.#close() : this.#open()));
    this.#count();
  }

  get isOpen() {
    return this.button.getAttribute("aria-expanded") === "true";
  }

  /** More of it came, in order. */
  add(alerts) {
    this.size += alerts.length;
    show(this.card, alerts.at(-1));
    this.#count();
    if (this.isOpen) this.#list(alerts.map(({ id, title, created }) => ({ id, title, created })));
  }

  #count() {
    const isGroup = this.size > 1;
    this.part("group").hidden = !isGroup;
    this.part("group-size").textContent = `${this.size.toLocaleString("en")} alerts like this`;
  }

  async #open() {
    this.button.setAttribute("aria-expanded", "true");
    this.button.textContent = "Hide";
    this.list.hidden = this.all.hidden = false;
    this.list.replaceChildren();
    try {
      const response = await fetch(this.all.href);
      if (!response.ok) throw new Error(`the page answered ${response.status}`);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const cards = [...page.querySelectorAll("#alerts .alert")].reverse();
      const loaded = new Set(cards.map((card) => addressOf(card.dataset.id)));
      // What came while the page was on its way, and is not on it.
      const newer = [...this.list.children].filter((item) => !loaded.has(item.querySelector("a").getAttribute("href")));
      this.list.replaceChildren();
      this.#list(cards.map((card) => ({
        id: card.dataset.id,
        title: card.querySelector(".alert-link").textContent,
        created: card.querySelector("time").dateTime,
      })));
      this.list.prepend(...newer);
    } catch (error) {
      console.warn("The list of a group could not be loaded:", error.message);
      this.list.replaceChildren(Object.assign(document.createElement("li"), { textContent: "The list could not be loaded just now. Try again." }));
    }
  }

  #close() {
    this.button.setAttribute("aria-expanded", "false");
    this.button.textContent = "Show";
    this.list.hidden = this.all.hidden = true;
    this.list.replaceChildren();
  }

  /** Newest on top. */
  #list(alerts) {
    for (const { id, title, created } of alerts.slice(-MOST_LISTED)) {
      const link = Object.assign(document.createElement("a"), { href: addressOf(id), textContent: title });
      const time = Object.assign(document.createElement("time"), { className: "muted" });
      setTime(time, created);
      const item = document.createElement("li");
      item.append(link, " ", time);
      this.list.prepend(item);
    }
    while (this.list.childElementCount > MOST_LISTED) this.list.lastElementChild.remove();
  }
}

function addressOf(id) {
  return `/alerts/${encodeURIComponent(id)}/`;
}
