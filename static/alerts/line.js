// One socket per browser, however many tabs: the tab that holds the lock connects, and passes every frame on.
//
// The life of a tab: it asks for the lock and, meanwhile, whoever holds it to be taken along ("join", with how far its page
// has the log). The leader answers with what the page lacks ("welcome"); from there on the tab hears every frame, in order.
// When the leader goes, the lock falls to another tab, which connects from where it is, and all join it anew. A leader that
// answers nobody is robbed of the lock. Where a browser has no locks (an insecure address), each tab leads itself alone.
// Nothing is lost or shown twice in all that: a tab joins by position, and drops what it has.

import { Connection } from "./connection.js";
import { Receipts } from "./receipts.js";

const VERSION = 1; // of what tabs say to each other: tabs of two versions do not
const PATIENCE = 2000; // milliseconds a leader may take to welcome a tab
const TRIES = 3; // unanswered joins after which the leader counts as dead
const SILENCE = 60_000; // milliseconds without a word of the leader after which it is asked for one
const MOST_KEPT = 500; // alerts kept for tabs that join
const SOMEBODY_ELSE = { name: "ended", reason: "somebody-else", words: "Somebody else is signed in now. Reload the page." };

export class Line {
  /**
   * `user` is the id of who is signed in; `place()` gives this page's `{epoch, position}`. `onFrame(frame)` hears each
   * frame, in every tab; `onState(state)` each change, as a Connection tells it; `onNew(alerts)`, in one tab only, alerts
   * that no tab has seen.
   */
  constructor({ user, socketUrl, sessionUrl, place, onFrame, onState, onNew = () => {} }) {
    Object.assign(this, { user, socketUrl, sessionUrl, place, onFrame, onState, onNew });
    this.name = `alerts-${VERSION}-${user}`;
    this.id = Math.random().toString(36).slice(2);
    this.channel = null;
    this.connection = this.receipts = null; // while this tab leads
    this.hasJoined = false;
    this.state = { name: "connecting" };
    this.asked = 0; // joins nobody has answered
    this.timer = 0;
    addEventListener("pagehide", () => this.#leave());
    addEventListener("pageshow", (event) => event.persisted && this.state.name !== "ended" && this.open());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#wakeUp());
  }

  open() {
    this.#leave();
    this.#become({ name: "connecting" });
    if (!navigator.locks || !window.BroadcastChannel) {
      this.#lead();
      return;
    }
    this.channel = new BroadcastChannel(this.name);
    this.channel.onmessage = (event) => this.#hear(event.data);
    this.#queue();
    this.#join();
  }

  get isLeading() {
    return this.connection !== null;
  }

  /** Whether the command could be handed to a live socket. */
  send(command) {
    if (this.connection) return this.connection.send(command);
    if (!this.hasJoined || this.state.name !== "live") return false;
    this.#post({ type: "command", command });
    return true;
  }

  /** Try now instead of later. */
  hurry() {
    if (this.connection) this.connection.hurry();
    else this.#post({ type: "hurry" });
  }

  /** This page's place has changed, or it has lost it: go on from where it is. */
  rejoin() {
    if (this.connection) this.#resume(this.place());
    else if (this.channel) this.#join();
  }

  /** This page shows everything up to here to somebody. */
  see(position) {
    if (this.connection) this.seenUpTo = Math.max(this.seenUpTo, position);
    else this.#post({ type: "seen", position });
  }

  // --- following ---

  #queue() {
    const give = new AbortController();
    this.give = give;
    const lead = () => {
      if (give.signal.aborted) return undefined;
      this.#lead();
      return new Promise((release) => give.signal.addEventListener("abort", release));
    };
    navigator.locks.request(this.name, { signal: give.signal }, lead).catch(() => {
      if (give.signal.aborted) return;
      // Another tab took us for dead.
      this.#drop();
      this.#queue();
      this.#join();
    });
  }

  /** The page is looked at again: whatever was not noticed meanwhile is noticed now. */
  #wakeUp() {
    this.hurry();
    if (!this.connection && this.channel) this.#join();
  }

  #join() {
    this.hasJoined = false;
    this.#post({ type: "join", ...this.place() });
    this.asked += 1;
    this.#wait(PATIENCE);
  }

  /** Ask again when nothing is heard of the leader for that long, and take the lock when it does not answer. */
  #wait(milliseconds) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.connection || !this.channel) return;
      if (this.asked >= TRIES) this.#rob();
      else this.#join();
    }, milliseconds);
  }

  #rob() {
    this.asked = 0;
    this.give.abort();
    navigator.locks.request(this.name, { steal: true }, () => {}).catch(() => {});
    this.#queue();
    this.#wait(PATIENCE);
  }

  #hear(message) {
    if (this.connection) {
      this.#answer(message);
      return;
    }
    if (message.type === "lead") {
      this.asked = 0;
      this.#join();
    } else if (message.type === "welcome" && message.to === this.id) {
      this.#begin(message);
    } else if (this.hasJoined && message.from === this.leader) {
      this.#wait(SILENCE);
      if (message.type === "state") this.#follow(message.state);
      else if (message.type === "frame") this.onFrame(message.frame);
    }
  }

  #begin(welcome) {
    this.hasJoined = true;
    this.leader = welcome.from;
    this.asked = 0;
    this.#wait(SILENCE);
    this.#become(welcome.state);
    if (welcome.alerts.length) {
      this.onFrame({ type: "alerts", alerts: welcome.alerts, position: welcome.position });
    }
    if (welcome.epoch !== this.place().epoch) {
      this.onFrame({ type: "gap", reason: "epoch", epoch: welcome.epoch, oldest: 1, head: welcome.position });
    }
  }

  #follow(state) {
    if (state.name === "ended") this.#leave();
    this.#become(state);
  }

  // --- leading ---

  #lead() {
    clearTimeout(this.timer);
    this.seenUpTo = 0;
    this.kept = []; // alerts after `keptFrom`, for tabs that join
    Object.assign(this, this.place());
    this.keptFrom = this.position;
    this.told = this.position; // up to here alerts are news to nobody
    this.receipts = new Receipts({
      send: (command) => this.connection?.send(command),
      isSeen: (position) => position <= this.seenUpTo,
    });
    this.connection = new Connection({
      address: () => `${this.socketUrl}?epoch=${encodeURIComponent(this.epoch)}&position=${this.position}`,
      sessionUrl: this.sessionUrl,
      onFrame: (frame, text) => this.#pass(frame, text),
      onState: (state) => this.#tell(state),
    });
    this.connection.open();
    this.#post({ type: "lead" });
  }

  #answer(message) {
    if (message.type === "join") this.#welcome(message);
    else if (message.type === "command") this.connection.send(message.command);
    else if (message.type === "hurry") this.connection.hurry();
    else if (message.type === "seen") this.see(message.position);
  }

  #welcome({ from, epoch, position }) {
    const isWithin = epoch === this.epoch && position >= this.keptFrom;
    const alerts = isWithin ? this.kept.filter((alert) => alert.position > position) : [];
    this.#post({ type: "welcome", to: from, state: this.state, epoch: this.epoch, position: this.position, alerts });
    // A page further back than what is kept: everything since is sent again, and whoever has it drops it. A page of
    // another epoch: one of us is out of date, and a new handshake tells.
    if (!isWithin) this.#resume(epoch === this.epoch ? { epoch, position } : this);
    // Its answer counts what is unread, for every tab. One is enough for all who join at once.
    else if (this.state.name === "live") this.connection.hurry();
  }

  #resume({ epoch, position }) {
    Object.assign(this, { epoch, position, kept: [], keptFrom: position });
    this.connection.reopen();
  }

  #pass(frame, text) {
    if (frame.type === "hello" && String(frame.user.id) !== this.user) {
      // The cookie has changed while the line was down: what comes now is not for this page.
      this.#tell(SOMEBODY_ELSE);
      return;
    }
    if (frame.type === "hello") this.epoch = frame.epoch;
    if (frame.type === "gap") this.#jump(frame);
    const fresh = frame.type === "alerts" ? frame.alerts.filter((alert) => alert.position > this.told) : [];
    if (frame.type === "alerts") this.#keep(frame.alerts);
    if (frame.type === "alerts" || frame.type === "heartbeat") {
      this.position = Math.max(this.position, frame.position);
      this.told = Math.max(this.told, frame.position);
    }
    this.#post({ type: "frame", frame });
    this.onFrame(frame);
    this.receipts?.hear(frame, text);
    if (fresh.length) this.onNew(fresh);
  }

  #jump({ epoch, head }) {
    Object.assign(this, { epoch, position: head, told: head, kept: [], keptFrom: head });
  }

  #keep(alerts) {
    this.kept.push(...alerts.filter((alert) => alert.position > this.position));
    const surplus = this.kept.length - MOST_KEPT;
    if (surplus > 0) this.keptFrom = this.kept.splice(0, surplus).at(-1).position;
  }

  #tell(state) {
    this.#post({ type: "state", state });
    if (state.name === "ended") this.#leave();
    this.#become(state);
  }

  // --- both ---

  #become(state) {
    this.state = state;
    this.onState(state);
  }

  #post(message) {
    this.channel?.postMessage({ from: this.id, ...message });
  }

  #drop() {
    this.connection?.stop();
    this.receipts?.stop();
    this.connection = this.receipts = null;
  }

  /** Let go of everything: the page goes, or the line has ended. */
  #leave() {
    clearTimeout(this.timer);
    this.#drop();
    this.give?.abort();
    this.channel?.close();
    this.channel = null;
    this.hasJoined = false;
    this.asked = 0;
  }
}
