// What one socket has brought and not yet acknowledged. The server stops at a full window, so half a window is enough.

const QUIET = 1000; // milliseconds without alerts after which they are acknowledged
const bytes = new TextEncoder();

export class Receipts {
  /** `send(command)`; `isSeen(position)` whether a visible page shows what came up to there. */
  constructor({ send, isSeen }) {
    this.send = send;
    this.isSeen = isSeen;
    this.window = { alerts: 256, bytes: 256 * 1024 };
    this.cursor = 0; // what this socket has sent
    this.timer = 0;
    this.#forget();
  }

  hear(frame, text) {
    if (frame.type === "hello") this.window = frame.window;
    if (frame.type === "hello" || frame.type === "heartbeat") this.cursor = frame.position;
    if (frame.type === "gap") this.cursor = frame.head;
    if (frame.type === "hello" || frame.type === "gap") this.#forget();
    if (frame.type !== "alerts") return;
    this.cursor = frame.position;
    this.alerts += frame.alerts.length;
    this.bytes += bytes.encode(text).length;
    clearTimeout(this.timer);
    const isHalf = this.alerts * 2 >= this.window.alerts || this.bytes * 2 >= this.window.bytes;
    if (isHalf) this.#acknowledge();
    else this.timer = setTimeout(() => this.#acknowledge(), QUIET);
  }

  stop() {
    clearTimeout(this.timer);
  }

  #acknowledge() {
    this.#forget();
    this.send({ type: "ack", position: this.cursor, seen: this.isSeen(this.cursor) });
  }

  #forget() {
    this.alerts = this.bytes = 0;
  }
}
