// The line that says how the connection is, with the seconds to the next try.

const WORDS = { connecting: "Connecting …", live: "Live", waiting: "Offline." };
const ICONS = { connecting: "connecting", live: "live", waiting: "offline", ended: "offline" };

export class Status {
  constructor(element, { onTryNow }) {
    this.element = element;
    this.words = element.querySelector(".status-words");
    this.seconds = element.querySelector(".status-seconds");
    this.icon = element.querySelector("use");
    this.button = element.querySelector("button");
    this.link = element.querySelector("a");
    this.timer = 0;
    this.button.addEventListener("click", onTryNow);
  }

  show(state) {
    clearInterval(this.timer);
    this.element.dataset.state = state.name;
    this.icon.setAttribute("href", `#icon-${ICONS[state.name]}`);
    this.words.textContent = state.words ?? WORDS[state.name];
    this.seconds.textContent = "";
    this.button.hidden = state.name !== "waiting";
    this.link.hidden = state.reason !== "signed-out";
    if (state.name === "waiting") {
      const tick = () => {
        this.seconds.textContent = `Next try in ${Math.max(Math.ceil((state.at - Date.now()) / 1000), 0)} s`;
      };
      tick();
      this.timer = setInterval(tick, 250);
    }
  }
}
