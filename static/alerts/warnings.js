// Acts that have begun and are not committed: shown when they take long enough to be seen, until their alert comes.

const SLOW = 300; // milliseconds an act may take before it is shown
const FADING = 4000; // milliseconds an act that did not come about is still shown
const MOST = 20; // shown at once
const MOST_SETTLED = 500; // ids remembered, for a warning may come after its alert
const UNDER_WAY = "Not committed yet.";
const GIVEN_UP = "Not confirmed: it was taken back, or takes longer than usual.";

export class Warnings {
  /** `list` is the list they are shown in, `template` one of them. */
  constructor(list, template) {
    this.list = list;
    this.template = template;
    this.open = new Map(); // id -> { title, item, timers }
    this.settled = new Set();
  }

  hear({ id, title, expires_in: seconds }) {
    if (this.settled.has(id)) return;
    let warning = this.open.get(id);
    if (!warning) {
      if (this.open.size >= MOST) return;
      warning = { item: null, slow: setTimeout(() => this.#show(id), SLOW), expiry: 0 };
      this.open.set(id, warning);
    }
    warning.title = title;
    if (warning.item) this.#fill(warning);
    clearTimeout(warning.expiry);
    warning.expiry = setTimeout(() => this.#expire(id), seconds * 1000);
  }

  /** The alert itself is here. */
  settle(id) {
    this.settled.add(id);
    if (this.settled.size > MOST_SETTLED) this.settled.delete(this.settled.values().next().value);
    this.#remove(id);
  }

  #show(id) {
    const warning = this.open.get(id);
    warning.item = this.template.content.firstElementChild.cloneNode(true);
    this.#fill(warning);
    this.list.append(warning.item);
    this.list.hidden = false;
  }

  #fill({ item, title }) {
    item.querySelector(".warning-title").textContent = title;
    const state = item.querySelector(".warning-state");
    if (state.textContent === UNDER_WAY) return; // said once to who listens
    item.classList.remove("is-over"); // it goes on after all
    state.textContent = UNDER_WAY;
  }

  #expire(id) {
    const { item } = this.open.get(id);
    if (!item) return this.#remove(id);
    item.classList.add("is-over");
    item.querySelector(".warning-state").textContent = GIVEN_UP;
    this.open.get(id).expiry = setTimeout(() => this.#remove(id), FADING);
  }

  #remove(id) {
    const warning = this.open.get(id);
    if (!warning) return;
    clearTimeout(warning.slow);
    clearTimeout(warning.expiry);
    warning.item?.remove();
    this.open.delete(id);
    this.list.hidden = !this.list.childElementCount;
  }
}
