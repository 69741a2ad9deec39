// What this page knows of the log: how far it has it, what is read, how many are unread. No DOM and no socket in here.

export const MOST_COUNTED = 1000; // unread alerts: the server counts no further
const MOST_IDS = 90; // in one command
const AGAIN = 3000; // milliseconds until a list that could not be loaded is tried again
const UNKNOWN = -1; // a version older than any

export class Feed {
  /**
   * `send(command)` gives whether it went out; `ids()` gives those on the page. Told through `show(alerts)` (rising
   * positions), `mark(id, isRead)`, `markUpTo(position)`, `count(unread)`, `warn(pending)`, `reload()`, which loads the
   * list anew and gives `{epoch, position, unread, readsVersion}`, and `rejoin()`, to go on from `place`.
   */
  constructor(start, { send, ids, show, mark, markUpTo, count, warn = () => {}, reload, rejoin }) {
    Object.assign(this, { send, ids, show, mark, markUpTo, count, warn, reload, rejoin });
    this.epoch = start.epoch;
    this.position = start.position; // all up to here is on the page
    this.unread = start.unread;
    this.readsVersion = start.readsVersion;
    this.countedUpTo = start.position;
    this.asked = new Map(); // id -> isRead, asked for and not yet confirmed
    this.askedGroups = new Map(); // id of its newest alert -> group, asked to be read
    this.askedUpTo = 0;
    this.syncs = 0; // answers to `sync` on their way
    this.held = null; // frames that came while the list was loaded anew
  }

  get place() {
    return { epoch: this.epoch, position: this.position };
  }

  hear(frame) {
    if (this.held) {
      this.held.push(frame);
      return;
    }
    const handlers = {
      hello: this.#hello,
      alerts: this.#alerts,
      reads: this.#reads,
      heartbeat: this.#heartbeat,
      gap: this.#gap,
      pending: this.warn,
      error: this.#error,
    };
    const handler = Object.hasOwn(handlers, frame.type) && handlers[frame.type];
    if (handler) handler.call(this, frame);
  }

  // --- what the person does ---

  setRead(id, isRead) {
    this.asked.set(id, isRead);
    this.askedGroups.delete(id);
    this.mark(id, isRead);
    if (this.unread < MOST_COUNTED) this.#setUnread(Math.max(this.unread + (isRead ? -1 : 1), 0));
    this.send({ type: isRead ? "read" : "unread", ids: [id] });
  }

  /** Everything of a group is read; `id` is its newest alert. How many that are, the server says. */
  readGroup(group, id) {
    this.asked.set(id, true);
    this.askedGroups.set(id, group);
    this.mark(id, true);
    this.send({ type: "read_group", group });
  }

  readAll() {
    this.askedUpTo = this.position;
    this.asked.clear();
    this.askedGroups.clear();
    this.markUpTo(this.position);
    this.#setUnread(0);
    this.send({ type: "read_all", up_to: this.position });
  }

  // --- what the server says ---

  #hello(frame) {
    this.syncs = 0;
    if (frame.epoch !== this.epoch) this.askedUpTo = 0; // a position of another log
    // Said while the line was down, or lost with it: all of these may be said twice, and before `sync` asks how it is.
    if (this.askedUpTo) this.send({ type: "read_all", up_to: this.askedUpTo });
    for (const group of this.askedGroups.values()) this.send({ type: "read_group", group });
    for (const isRead of [true, false]) {
      const ids = [...this.asked].filter(([, wanted]) => wanted === isRead).map(([id]) => id);
      for (const some of batches(ids)) this.send({ type: isRead ? "read" : "unread", ids: some });
    }
    this.#state(frame);
  }

  /** `position` says "all you may see up to here has been sent": what others may see need never be asked for again. */
  #heartbeat(frame) {
    this.position = Math.max(this.position, frame.position);
    this.#state(frame);
  }

  /** `unread` is counted up to `head`: alerts up to there are in it, those beyond are added as they come. */
  #state(frame) {
    this.countedUpTo = Math.max(this.countedUpTo, frame.head);
    this.#setUnread(frame.unread);
    if (frame.reads_version > this.readsVersion && !this.syncs) this.#sync();
  }

  #alerts(frame) {
    const fresh = frame.alerts.filter((alert) => alert.position > this.position);
    this.position = Math.max(this.position, frame.position);
    if (fresh.length) {
      this.show(fresh);
      this.#setUnread(this.unread + fresh.filter((alert) => alert.position > this.countedUpTo).length);
      this.countedUpTo = Math.max(this.countedUpTo, this.position);
    }
  }

  #reads(frame) {
    const { read_ids: read = [], unread_ids: unread = [], read_up_to: upTo } = frame;
    // A frame that names nothing says only that there is something to ask for.
    const told = read.length || unread.length || upTo !== undefined ? 1 : 0;
    const isMissing = frame.reads_version > this.readsVersion + told && !this.syncs;
    if (this.syncs) this.syncs -= 1;
    this.readsVersion = Math.max(this.readsVersion, frame.reads_version);
    for (const id of read) this.#settle(id, true);
    for (const id of unread) this.#settle(id, false);
    if (upTo !== undefined) {
      if (upTo >= this.askedUpTo) this.askedUpTo = 0;
      this.markUpTo(upTo);
      this.#markAsked();
    }
    this.countedUpTo = Math.max(this.countedUpTo, this.position);
    this.#setUnread(frame.unread);
    if (isMissing) this.#sync();
  }

  /** What the server says of one alert; a later wish of the person, still on its way, stands. */
  #settle(id, isRead) {
    if (this.asked.has(id) && this.asked.get(id) !== isRead) return;
    this.asked.delete(id);
    this.askedGroups.delete(id);
    this.mark(id, isRead);
  }

  #markAsked() {
    for (const [id, isRead] of this.asked) this.mark(id, isRead);
  }

  /** A refused wish is none any more: the next version heard makes the page ask how it is. */
  #error(frame) {
    console.warn(`The server refused ${frame.command}: ${frame.message}`);
    if (!["read", "unread", "read_group", "read_all", "sync"].includes(frame.command)) return;
    this.asked.clear();
    this.askedGroups.clear();
    this.askedUpTo = this.syncs = 0;
    this.readsVersion = UNKNOWN;
  }

  #sync() {
    for (const ids of batches(this.ids())) {
      if (this.send({ type: "sync", ids })) this.syncs += 1;
    }
  }

  async #gap(frame) {
    this.held = [];
    try {
      const page = await this.reload();
      Object.assign(this, page, { countedUpTo: page.position });
      this.#setUnread(page.unread);
      this.#markAsked();
      // The line goes on from its head. A page that is behind it, or of yet another epoch, is resumed from instead.
      if (page.epoch !== frame.epoch || page.position < frame.head) this.rejoin();
    } catch (error) {
      console.warn("The list could not be loaded anew:", error.message);
      setTimeout(() => this.rejoin(), AGAIN); // which ends in a gap again, and in another try
    } finally {
      const held = this.held;
      this.held = null;
      for (const frame of held) this.hear(frame);
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
