// What this page knows of the log: how far it has it, what is read, how many are unread. No DOM and no socket in here.

const MOST_IDS = 90; // in one command
const QUIET = 1000; // milliseconds without alerts after which they are acknowledged

export class Feed {
  /**
   * `send(command)` gives whether it went out; `ids()` gives those on the page; `isSeen()` whether the page is visible.
   * Told through `show(alerts)` (rising positions), `mark(id, isRead)`, `markUpTo(position)`, `count(unread)` and
   * `reload()`, which loads the list anew and gives `{epoch, position, unread, readsVersion}`.
   */
  constructor(start, { send, ids, isSeen, show, mark, markUpTo, count, reload }) {
    Object.assign(this, { send, ids, isSeen, show, mark, markUpTo, count, reload });
    this.epoch = start.epoch;
    this.position = start.position;
    this.unread = start.unread;
    this.readsVersion = start.readsVersion;
    this.countedUpTo = start.position;
    this.window = { alerts: 256, bytes: 256 * 1024 };
    this.unacknowledged = { alerts: 0, bytes: 0 };
    this.asked = new Map(); // id -> isRead, asked for and not yet confirmed
    this.askedUpTo = 0;
    this.syncs = 0; // answers to `sync` on their way
    this.held = null; // frames that came while the list was loaded anew
    this.quiet = 0;
  }

  get resume() {
    return `epoch=${encodeURIComponent(this.epoch)}&position=${this.position}`;
  }

  hear(frame, text) {
    if (this.held) {
      this.held.push([frame, text]);
      return;
    }
    const handler = { hello: this.#hello, alerts: this.#alerts, reads: this.#reads, heartbeat: this.#state, gap: this.#gap }[frame.type];
    if (handler) handler.call(this, frame, text);
    else if (frame.type === "error") console.warn(`The server refused ${frame.command}: ${frame.message}`);
  }

  // --- what the person does ---

  setRead(id, isRead) {
    this.asked.set(id, isRead);
    this.mark(id, isRead);
    this.send({ type: isRead ? "read" : "unread", ids: [id] });
  }

  readAll() {
    this.askedUpTo = this.position;
    this.asked.clear();
    this.markUpTo(this.position);
    this.#setUnread(0);
    this.send({ type: "read_all", up_to: this.position });
  }

  // --- what the server says ---

  #hello(frame) {
    this.window = frame.window;
    this.unacknowledged = { alerts: 0, bytes: 0 };
    this.syncs = 0;
    this.#state(frame);
    // Said while the line was down, or lost with it: all of these may be said twice.
    if (this.askedUpTo) this.send({ type: "read_all", up_to: this.askedUpTo });
    for (const isRead of [true, false]) {
      const ids = [...this.asked].filter(([, wanted]) => wanted === isRead).map(([id]) => id);
      for (const some of batches(ids)) this.send({ type: isRead ? "read" : "unread", ids: some });
    }
  }

  /** `unread` is counted up to `head`: alerts up to there are in it, those beyond are added as they come. */
  #state(frame) {
    this.countedUpTo = Math.max(this.countedUpTo, frame.head);
    this.#setUnread(frame.unread);
    if (frame.reads_version > this.readsVersion && !this.syncs) this.#sync();
  }

  #alerts(frame, text) {
    const fresh = frame.alerts.filter((alert) => alert.position > this.position);
    this.unacknowledged.alerts += frame.alerts.length;
    this.unacknowledged.bytes += text.length;
    this.position = Math.max(this.position, frame.position);
    if (fresh.length) {
      this.show(fresh);
      this.#setUnread(this.unread + fresh.filter((alert) => alert.position > this.countedUpTo).length);
      this.countedUpTo = Math.max(this.countedUpTo, this.position);
    }
    const isHalf = this.unacknowledged.alerts * 2 >= this.window.alerts || this.unacknowledged.bytes * 2 >= this.window.bytes;
    clearTimeout(this.quiet);
    if (isHalf) this.#acknowledge();
    else this.quiet = setTimeout(() => this.#acknowledge(), QUIET);
  }

  #acknowledge() {
    this.unacknowledged = { alerts: 0, bytes: 0 };
    this.send({ type: "ack", position: this.position, seen: this.isSeen() });
  }

  #reads(frame) {
    const isMissing = frame.reads_version > this.readsVersion + 1 && !this.syncs;
    if (this.syncs) this.syncs -= 1;
    this.readsVersion = Math.max(this.readsVersion, frame.reads_version);
    for (const [ids, isRead] of [[frame.read_ids ?? [], true], [frame.unread_ids ?? [], false]]) {
      for (const id of ids) {
        this.asked.delete(id);
        this.mark(id, isRead);
      }
    }
    if (frame.read_up_to !== undefined) {
      if (frame.read_up_to >= this.askedUpTo) this.askedUpTo = 0;
      this.markUpTo(frame.read_up_to);
    }
    this.countedUpTo = Math.max(this.countedUpTo, this.position);
    this.#setUnread(frame.unread);
    if (isMissing) this.#sync();
  }

  #sync() {
    for (const ids of batches(this.ids())) {
      if (this.send({ type: "sync", ids })) this.syncs += 1;
    }
  }

  async #gap() {
    this.held = [];
    try {
      const page = await this.reload();
      Object.assign(this, page, { countedUpTo: page.position });
      this.#setUnread(page.unread);
    } finally {
      const held = this.held;
      this.held = null;
      for (const [frame, text] of held) this.hear(frame, text);
    }
  }

  #setUnread(unread) {
    this.unread = unread;
    this.count(unread);
  }
}

function* batches(ids) {
  for (let start = 0; start < ids.length; start += MOST_IDS) yield ids.slice(start, start + MOST_IDS);
}
