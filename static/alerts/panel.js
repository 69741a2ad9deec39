// The panel of notifications: in words which state holds and what can be done, a test, and the least level.

const WORDS = {
  unasked: ["Notifications are off", "This browser has not been asked yet. Turn them on to hear of alerts while this page is not in front."],
  granted: ["Notifications are on", "Alerts are shown as notifications of your browser while no page of this site is in front."],
  denied: ["Notifications are blocked", "You, or this browser, said no. To undo it, open the site settings (the icon left of the address), set Notifications to Allow, and reload this page."],
  unsupported: ["Notifications are not supported", "This browser cannot show them. On an iPhone or iPad, add this page to the home screen first; else use another browser."],
  insecure: ["Notifications need a secure address", "Browsers show them only for pages from https:// or from this machine itself. Ask whoever runs this site for its https address."],
};

const TESTED = "A test was sent. If none appears, look at the notification settings of your system.";
const UNTESTED = "No test could be sent: this browser did not start what shows notifications. Reload the page and try again.";

export class Panel {
  /** `onAsk()`; `onTest()`, which gives whether a test went out; `onLevel(level)`, which throws when it could not be kept. */
  constructor(element, { onAsk, onTest, onLevel }) {
    this.element = element;
    this.part = (name) => element.querySelector(`.${name}`);
    this.ask = this.part("notify-ask");
    this.test = this.part("notify-test");
    this.level = this.part("notify-level");
    this.told = this.part("notify-told");
    this.ask.addEventListener("click", onAsk);
    this.test.addEventListener("click", async () => {
      this.told.textContent = (await onTest()) ? TESTED : UNTESTED;
    });
    this.level.addEventListener("change", () => this.#keep(onLevel));
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.#close());
    document.addEventListener("click", (event) => element.contains(event.target) || this.#close());
  }

  show(state) {
    const [title, words] = WORDS[state];
    this.element.dataset.state = state;
    this.part("notify-title").textContent = title;
    this.part("notify-words").textContent = words;
    this.ask.hidden = state !== "unasked";
    this.test.hidden = state !== "granted";
    this.part("notify-least").hidden = ["unsupported", "insecure"].includes(state);
  }

  /** A level that another tab has kept. */
  choose(level) {
    this.level.value = level;
    this.told.textContent = "";
  }

  async #keep(onLevel) {
    this.told.textContent = "";
    try {
      await onLevel(this.level.value);
      this.told.textContent = "Kept, for all your browsers.";
    } catch (error) {
      console.warn("The level could not be kept:", error.message);
      this.told.textContent = "That could not be kept just now. Try again.";
    }
  }

  #close() {
    if (!this.element.open) return;
    const hadFocus = this.element.contains(document.activeElement);
    this.element.open = false;
    if (hadFocus) this.element.querySelector("summary").focus();
  }
}
