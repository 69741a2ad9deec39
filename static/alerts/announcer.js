// What a screen reader says of new alerts: at most once a second, or a storm would never let it finish a sentence.

const PAUSE = 1000; // milliseconds

export class Announcer {
  constructor(element) {
    this.element = element;
    this.alerts = [];
    this.timer = 0;
  }

  add(alerts) {
    this.alerts.push(...alerts);
    if (!this.timer) this.#speak();
  }

  #speak() {
    this.timer = 0;
    if (!this.alerts.length) return;
    const { length } = this.alerts;
    this.element.textContent = length === 1 ? `New alert: ${this.alerts[0].title}` : `${length} new alerts`;
    this.alerts = [];
    this.timer = setTimeout(() => this.#speak(), PAUSE);
  }
}
