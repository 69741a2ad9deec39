// Cases for static/alerts/feed.js, receipts.js, warnings.js and backoff.js: the page's state without a page. test_feed_state.py runs each by its name.

import { pause } from "/static/alerts/backoff.js";
import { Feed } from "/static/alerts/feed.js";
import { Receipts } from "/static/alerts/receipts.js";
import { Warnings } from "/static/alerts/warnings.js";

const START = { epoch: "e", position: 10, unread: 0, readsVersion: 3 };

function equal(found, wanted) {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    throw new Error(`${JSON.stringify(found)} is not ${JSON.stringify(wanted)}`);
  }
}

/** A feed with everything it says and does written down; `page` is what loading the list anew gives. */
function make(page = null) {
  const log = { sent: [], marks: [], shown: [], rejoins: 0 };
  const feed = new Feed({ ...START }, {
    send: (command) => log.sent.push(command),
    ids: () => ["a", "b"],
    show: (alerts) => log.shown.push(...alerts.map((alert) => alert.position)),
    mark: (id, isRead) => log.marks.push([id, isRead]),
    markUpTo: () => {},
    count: () => {},
    reload: async () => page,
    rejoin: () => { log.rejoins += 1; },
  });
  return { feed, log, kinds: () => log.sent.map((command) => command.type) };
}

function count(isSeen = () => true) {
  const sent = [];
  return { receipts: new Receipts({ send: (command) => sent.push(command), isSeen }), sent };
}

function hello(more = {}) {
  const window = { alerts: 256, bytes: 262144 };
  return { type: "hello", epoch: "e", position: 10, head: 10, unread: 0, reads_version: 3, heartbeat: 15, window, ...more };
}

const alert = (position, more = {}) => ({ id: `i${position}`, position, title: "t", ...more });
const hear = (feed, frame) => feed.hear(frame);
const seconds = (count) => new Promise((resolve) => setTimeout(resolve, count * 1000));

export const cases = {
  async "a warning that goes on after it was given up is under way again"() {
    const template = document.createElement("template");
    const item = document.createElement("li");
    for (const name of ["warning-title", "warning-state"]) item.append(Object.assign(document.createElement("b"), { className: name }));
    template.content.append(item);
    const list = document.createElement("ul");
    const warnings = new Warnings(list, template);
    warnings.hear({ id: "a", title: "One goes", expires_in: 0.5 });
    await seconds(0.7);
    equal(list.textContent.includes("Not confirmed"), true);
    warnings.hear({ id: "a", title: "Two go", expires_in: 9 });
    equal([list.textContent, list.querySelectorAll(".is-over").length], ["Two goNot committed yet.", 0]);
    warnings.settle("a");
    equal(list.childElementCount, 0);
  },
  "alerts it has already are dropped"() {
    const { feed, log } = make();
    hear(feed, hello());
    hear(feed, { type: "alerts", alerts: [alert(9), alert(10), alert(11)], position: 11 });
    hear(feed, { type: "alerts", alerts: [alert(11), alert(13)], position: 14 });
    equal(log.shown, [11, 13]);
    equal(feed.place, { epoch: "e", position: 14 });
    equal(feed.unread, 2);
  },
  "an alert that hello has counted is not counted again"() {
    const { feed } = make();
    hear(feed, hello({ head: 11, unread: 1 }));
    hear(feed, { type: "alerts", alerts: [alert(11), alert(12)], position: 12 });
    equal(feed.unread, 2);
  },
  "a heartbeat moves the point of resume"() {
    const { feed } = make();
    hear(feed, hello());
    hear(feed, { type: "heartbeat", position: 90, head: 90, unread: 0, reads_version: 3 });
    equal(feed.place, { epoch: "e", position: 90 });
  },
  "a jump of the version asks what is read"() {
    const { feed, kinds } = make();
    hear(feed, hello({ reads_version: 5 }));
    equal(kinds(), ["sync"]);
  },
  "reads that name nothing ask what changed"() {
    const { feed, kinds } = make();
    hear(feed, hello());
    hear(feed, { type: "reads", reads_version: 4, unread: 0, read_ids: [], unread_ids: [] });
    equal(kinds(), ["sync"]);
  },
  "reads one version on say it all"() {
    const { feed, log, kinds } = make();
    hear(feed, hello());
    hear(feed, { type: "reads", reads_version: 4, unread: 0, read_ids: ["a"], unread_ids: [] });
    equal(kinds(), []);
    equal(log.marks, [["a", true]]);
  },
  async "alerts a page has already from its list are not shown after a gap"() {
    const { feed, log } = make({ epoch: "f", position: 110, unread: 0, readsVersion: 3 });
    hear(feed, hello({ epoch: "f" }));
    hear(feed, { type: "gap", reason: "epoch", epoch: "f", oldest: 1, head: 100 });
    hear(feed, { type: "alerts", alerts: [alert(105), alert(111)], position: 111 });
    await seconds(0.01);
    equal(log.shown, [111]);
    equal(log.rejoins, 0);
  },
  async "a page older than the gap's head is resumed from"() {
    const { feed, log } = make({ epoch: "f", position: 90, unread: 0, readsVersion: 3 });
    hear(feed, hello());
    hear(feed, { type: "gap", reason: "epoch", epoch: "f", oldest: 1, head: 100 });
    await seconds(0.01);
    equal(log.rejoins, 1);
    equal(feed.place, { epoch: "f", position: 90 });
  },
  "a second thought is not undone by the first answer, nor lost"() {
    const { feed, log } = make();
    hear(feed, hello());
    feed.setRead("a", true);
    feed.setRead("a", false);
    hear(feed, { type: "reads", reads_version: 4, unread: 0, read_ids: ["a"], unread_ids: [] });
    equal(log.marks.at(-1), ["a", false]);
    log.sent.length = 0;
    hear(feed, hello({ reads_version: 4 }));
    equal(log.sent, [{ type: "unread", ids: ["a"] }]);
  },
  "a group read is said again until its newest alert is named"() {
    const { feed, log, kinds } = make();
    hear(feed, hello());
    feed.readGroup("g", "a");
    hear(feed, hello());
    equal(kinds(), ["read_group", "read_group", "read"]);
    log.sent.length = 0;
    hear(feed, { type: "reads", reads_version: 4, unread: 0, read_ids: ["a"], unread_ids: [] });
    hear(feed, hello({ reads_version: 4 }));
    equal(kinds(), []);
  },
  async "an ack comes after a second of quiet"() {
    const { receipts, sent } = count();
    receipts.hear(hello(), "");
    receipts.hear({ type: "alerts", alerts: [alert(11)], position: 12 }, "x");
    equal(sent, []);
    await seconds(1.2);
    equal(sent, [{ type: "ack", position: 12, seen: true }]);
  },
  "an ack comes at half the window, in bytes and not in characters"() {
    const { receipts, sent } = count();
    receipts.hear(hello(), "");
    receipts.hear({ type: "alerts", alerts: [alert(11)], position: 11 }, "語".repeat(50_000));
    equal(sent.length, 1);
  },
  async "an ack after a gap stays within what the socket sent"() {
    const { receipts, sent } = count();
    receipts.hear(hello(), "");
    receipts.hear({ type: "alerts", alerts: [alert(200)], position: 200 }, "x");
    receipts.hear({ type: "gap", reason: "epoch", epoch: "f", oldest: 1, head: 100 }, "");
    receipts.hear({ type: "alerts", alerts: [alert(105)], position: 105 }, "x");
    await seconds(1.2);
    equal(sent.map((command) => command.position), [105]);
  },
  async "a page nobody looks at acknowledges without having seen"() {
    const { receipts, sent } = count(() => false);
    receipts.hear(hello(), "");
    receipts.hear({ type: "alerts", alerts: [alert(11)], position: 11 }, "x");
    await seconds(1.2);
    equal(sent, [{ type: "ack", position: 11, seen: false }]);
  },
  "a read_all of another epoch is not said again"() {
    const { feed, log } = make();
    hear(feed, hello());
    feed.readAll();
    equal(log.sent, [{ type: "read_all", up_to: 10 }]);
    log.sent.length = 0;
    hear(feed, hello({ epoch: "f" }));
    equal(log.sent, []);
  },
  "a refused command is no wish any more, and the truth is asked for"() {
    const { feed, log, kinds } = make();
    hear(feed, hello());
    feed.setRead("a", true);
    log.sent.length = 0;
    hear(feed, { type: "error", code: "too_many", message: "", command: "read" });
    hear(feed, { type: "heartbeat", position: 10, head: 10, unread: 1, reads_version: 3 });
    equal(kinds(), ["sync"]);
    hear(feed, { type: "reads", reads_version: 3, unread: 1, read_ids: [], unread_ids: ["a"] });
    equal(log.marks.at(-1), ["a", false]);
  },
  "the pause doubles from 1 s to 30 s under full jitter"() {
    equal([0, 1, 2, 3, 4, 5, 9].map((tries) => pause(tries, 0, () => 0.5)), [0.5, 1, 2, 4, 8, 15, 15]);
    equal(pause(9, 0, () => 0), 0);
  },
  "clients told to come back in 5 s do not come together"() {
    equal([pause(0, 5, () => 0), pause(0, 5, () => 0.5)], [5, 7.5]);
  },
};
