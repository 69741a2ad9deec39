// One socket after another: opened, watched, and opened anew after a loss, until there is a reason to stop.
//
// The life of a connection: connecting -> live -> (lost) waiting -> connecting ... A refused handshake asks whether we are
// still signed in; "ended" is final. What was missed meanwhile is nobody's concern here: the resume address asks for it.

import { pause } from "./backoff.js";

const PROTOCOL = "alerts.v1";
const ANSWER = 5; // seconds a live server takes at most to answer a ping
const GREETING = 15; // seconds from the first attempt to `hello`; a network that swallows packets says nothing at all
const STABLE = 5; // seconds after which a connection counts as a good one

const ENDINGS = {
  4501: { reason: "signed-out", words: "You are signed out." },
  4503: { reason: "permission", words: "Your rights have changed. Reload the page." },
  4509: { reason: "too-many", words: "You have too many connections open. Close some tabs and reload." },
};

export class Connection {
  /**
   * `address()` gives where to connect, resuming; `onFrame(frame, text)` hears each frame, `onState(state)` each change:
   * {name: "connecting" | "live" | "waiting", at} or {name: "ended", reason, words}. `at` is when the next try comes, in
   * milliseconds of `Date.now()`.
   */
  constructor({ address, sessionUrl, onFrame, onState }) {
    this.address = address;
    this.sessionUrl = sessionUrl;
    this.onFrame = onFrame;
    this.onState = onState;
    this.socket = null;
    this.state = { name: "connecting" };
    this.tries = 0;
    this.retryAfter = 0;
    this.heartbeat = 15;
    this.openedAt = 0;
    this.liveAt = 0; // 0 until the socket said `hello`
    this.heardAt = 0;
    this.askedAt = 0;
    this.timer = 0;
    this.watching = setInterval(() => this.#watch(), 1000);
    this.stopped = new AbortController();
    // Another network: what is being tried on the old one is lost.
    addEventListener("online", () => (this.state.name === "connecting" ? this.open() : this.hurry()), { signal: this.stopped.signal });
  }

  open() {
    this.#drop();
    this.#become({ name: "connecting" });
    const socket = new WebSocket(this.address(), PROTOCOL);
    let wasOpen = false;
    this.socket = socket;
    this.openedAt = this.heardAt = Date.now();
    this.liveAt = this.askedAt = this.retryAfter = 0;
    socket.onopen = () => { wasOpen = true; };
    socket.onmessage = (event) => this.#hear(event.data);
    socket.onclose = (event) => this.#lost(event.code, wasOpen);
  }

  /** Try now instead of later; a connection that seems live proves it, or is replaced. */
  hurry() {
    if (this.state.name === "waiting") this.open();
    else if (this.state.name === "live") this.#ask();
  }

  /** Whether the command could be handed to a live socket. */
  send(command) {
    if (this.state.name !== "live" || this.socket.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(command));
    return true;
  }

  /** Connect anew, at once, though the socket there is may be a good one: its address has changed. */
  reopen() {
    if (this.state.name !== "ended") this.open();
  }

  /** For good; nothing is said of it. */
  stop() {
    this.#drop();
    clearInterval(this.watching);
    this.stopped.abort();
  }

  /** Give this socket up: it is lost, or as good as lost. */
  #giveUp() {
    this.#drop();
    this.#lost(1006, true);
  }

  /** Nothing is heard any more of the socket there is, nor of the next try. */
  #drop() {
    clearTimeout(this.timer);
    if (!this.socket) return;
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
  }

  #hear(text) {
    this.heardAt = Date.now();
    this.askedAt = 0;
    const frame = JSON.parse(text);
    if (frame.type === "hello") {
      this.heartbeat = frame.heartbeat;
      this.liveAt = Date.now();
      this.#become({ name: "live" });
    } else if (frame.type === "bye") {
      this.retryAfter = frame.retry_after;
    }
    this.onFrame(frame, text);
  }

  #ask() {
    if (this.askedAt) return;
    if (this.send({ type: "ping" })) this.askedAt = Date.now();
    else this.#giveUp();
  }

  #watch() {
    const now = Date.now();
    if (this.state.name === "connecting" && now - this.openedAt > GREETING * 1000) this.#giveUp();
    if (this.state.name !== "live") return;
    if (this.askedAt && now - this.askedAt > ANSWER * 1000) this.#giveUp();
    else if (now - this.heardAt > (2 * this.heartbeat + ANSWER) * 1000) this.#ask();
  }

  async #lost(code, wasOpen) {
    const isFinal = code >= 4500 && code <= 4999;
    if (isFinal) {
      this.#become({ name: "ended", ...(ENDINGS[code] ?? { reason: "refused", words: "The server refused. Reload the page." }) });
      return;
    }
    if (this.liveAt && Date.now() - this.liveAt > STABLE * 1000) this.tries = 0;
    const seconds = pause(this.tries, this.retryAfter);
    this.tries += 1;
    this.#become({ name: "waiting", at: Date.now() + seconds * 1000 });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), seconds * 1000);
    if (!wasOpen && (await this.#isSignedOut()) && this.state.name !== "live") {
      this.#drop();
      this.#become({ name: "ended", ...ENDINGS[4501] });
    }
  }

  async #isSignedOut() {
    if (!this.sessionUrl) return false;
    try {
      return (await fetch(this.sessionUrl, { cache: "no-store" })).status === 401;
    } catch {
      return false; // the server is away, which says nothing about us
    }
  }

  #become(state) {
    this.state = state;
    this.onState(state);
  }
}
