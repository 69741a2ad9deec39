// Browser notifications: asked for on a click only, shown by the service worker when no page of this site is in front.

const RANKS = { info: 0, success: 1, warning: 2, critical: 3, none: 4 };
const MOST_SINGLY = 5; // of one batch; more are told of in one notification

export class Notifications {
  /**
   * `user` is the id of who is signed in, `level` the least that is shown. `onState(state)` hears every change of it, see
   * `state`; `onLevel(level)` a level that another tab has kept.
   */
  constructor({ user, workerUrl, level, onState, onLevel }) {
    Object.assign(this, { workerUrl, level, onState });
    this.worker = null;
    this.tabs = window.BroadcastChannel ? new BroadcastChannel(`alerts-level-${user}`) : null;
    this.tabs?.addEventListener("message", (event) => {
      this.level = event.data;
      onLevel(event.data);
    });
  }

  /** insecure, unsupported, unasked, granted or denied. */
  get state() {
    if (!window.isSecureContext) return "insecure";
    if (!("Notification" in window) || !("serviceWorker" in navigator)) return "unsupported";
    return Notification.permission === "default" ? "unasked" : Notification.permission;
  }

  async start() {
    this.onState(this.state);
    if (["insecure", "unsupported"].includes(this.state)) return;
    if (this.state === "granted") await this.#register();
    // Changed in the browser's own settings, or in another tab. Not every browser lets a page ask for this one.
    const permission = await navigator.permissions?.query({ name: "notifications" }).catch(() => null);
    permission?.addEventListener("change", () => this.#changed());
  }

  /** Here and in this browser's other tabs: it is one of them that notifies, and not always this one. */
  setLevel(level) {
    this.level = level;
    this.tabs?.postMessage(level);
  }

  /** Call it from a click: browsers ask the person nothing otherwise. */
  async ask() {
    await Notification.requestPermission();
    await this.#changed();
  }

  /** Alerts nobody has seen yet. What a storm's group swallows is not told of. */
  async show(alerts) {
    const told = alerts.filter((alert) => !alert.group && RANKS[alert.level] >= RANKS[this.level]);
    if (!told.length) return;
    if (told.length > MOST_SINGLY) await this.#post({ type: "many", count: told.length });
    else await this.#post({ type: "show", alerts: told });
  }

  /** These were read somewhere; without ids, all were. */
  async close(ids = null) {
    await this.#post({ type: "close", ids });
  }

  /** One to see whether it works, though this page is in front. Gives whether it went out. */
  test() {
    return this.#post({ type: "test" });
  }

  async #changed() {
    if (this.state === "granted") await this.#register();
    this.onState(this.state);
  }

  async #register() {
    this.worker ??= navigator.serviceWorker.register(this.workerUrl, { scope: "/" }).then(() => navigator.serviceWorker.ready);
    try {
      await this.worker;
    } catch (error) {
      console.warn("Notifications cannot be shown:", error.message);
      this.worker = null;
    }
  }

  /** Gives whether there is a worker to tell. */
  async #post(message) {
    if (this.state !== "granted") return false;
    await this.#register();
    const registration = await this.worker;
    registration?.active.postMessage(message);
    return Boolean(registration);
  }
}
