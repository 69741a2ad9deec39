// The live page: ties the connection, the feed's state and the list together.

import { isRead } from "./card.js";
import { Connection } from "./connection.js";
import { Feed } from "./feed.js";
import { List } from "./list.js";
import { Status } from "./status.js";
import { freshen, keepFresh } from "./times.js";
import { inDigits, setTitle } from "./title.js";

const main = document.getElementById("feed");
const badge = main.querySelector("#unread");
const readAll = main.querySelector("#read-all");
const newest = main.querySelector("#newest"); // only on pages of older alerts
const list = new List(main);
let passed = 0; // alerts that came while an older page is open

function startOf(element) {
  const { epoch, position, unread, readsVersion } = element.dataset;
  return { epoch, position: Number(position), unread: Number(unread), readsVersion: Number(readsVersion) };
}

function show(alerts) {
  if (newest) {
    passed += alerts.length;
    newest.textContent = passed === 1 ? "1 new alert: to the newest" : `${passed} new alerts: to the newest`;
  } else {
    list.add(alerts);
  }
}

function count(unread) {
  badge.hidden = !unread;
  badge.querySelector(".number").textContent = inDigits(unread);
  readAll.disabled = !unread;
  setTitle(unread);
}

async function reload() {
  const response = await fetch(location.href, { cache: "no-store" });
  const page = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("feed");
  if (!response.ok || !page) throw new Error(`the page answered ${response.status}`);
  list.replace(page);
  freshen();
  return startOf(page);
}

const feed = new Feed(startOf(main), {
  send: (command) => connection.send(command),
  ids: () => list.ids,
  isSeen: () => document.visibilityState === "visible",
  show,
  mark: (id, isRead) => list.mark(id, isRead),
  markUpTo: (position) => list.markUpTo(position),
  count,
  reload,
  reconnect: () => connection.reconnect(),
});
const status = new Status(main.querySelector("#status"), { onTryNow: () => connection.hurry() });
const connection = new Connection({
  address: () => `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${main.dataset.socket}?${feed.resume}`,
  sessionUrl: main.dataset.sessionUrl,
  onFrame: (frame, text) => feed.hear(frame, text),
  onState: (state) => status.show(state),
});

list.list.addEventListener("click", (event) => {
  const button = event.target.closest(".alert-toggle");
  if (!button) return;
  const card = button.closest(".alert");
  feed.setRead(card.dataset.id, !isRead(card));
});
readAll.addEventListener("click", () => feed.readAll());

count(feed.unread);
keepFresh();
connection.open();
