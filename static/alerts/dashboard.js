// The live page: ties the feed to the list, the warnings and the panel of notifications.

import { isRead } from "./card.js";
import { List } from "./list.js";
import { connect, startOf } from "./page.js";
import { Panel } from "./panel.js";
import { Status } from "./status.js";
import { freshen, keepFresh } from "./times.js";
import { inDigits, setTitle } from "./title.js";
import { Warnings } from "./warnings.js";

const main = document.getElementById("feed");
const badge = main.querySelector("#unread");
const readAll = main.querySelector("#read-all");
const newest = main.querySelector("#newest"); // only on pages of older alerts, and of one group
const list = new List(main);
const warnings = new Warnings(main.querySelector("#warnings"), main.querySelector("#warning"));
let passed = 0; // alerts that came while such a page is open

function show(alerts) {
  for (const alert of alerts) warnings.settle(alert.id);
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
  freshen(main);
  return startOf(page);
}

async function keepLevel(level) {
  const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
  const body = new URLSearchParams({ level, csrfmiddlewaretoken: token });
  const response = await fetch(main.dataset.preferences, { method: "POST", body });
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  notifications.setLevel(level);
}

const status = new Status(main.querySelector("#status"), { onTryNow: () => line.hurry() });
const panel = new Panel(main.querySelector("#notify"), {
  onAsk: () => notifications.ask(),
  onTest: () => notifications.test(),
  onLevel: keepLevel,
});
const { feed, line, notifications } = connect(main.dataset, startOf(main), {
  ids: () => list.ids,
  show,
  mark: (id, isRead) => list.mark(id, isRead),
  markUpTo: (position) => list.markUpTo(position),
  count,
  warn: (pending) => warnings.hear(pending),
  reload,
  onState: (state) => status.show(state),
  onPermission: (state) => panel.show(state),
  onLevel: (level) => panel.choose(level),
});

list.list.addEventListener("click", (event) => {
  const button = event.target.closest(".alert-toggle");
  if (!button) return;
  const card = button.closest(".alert");
  const { id, group } = card.dataset;
  if (group && !isRead(card)) feed.readGroup(group, id);
  else feed.setRead(id, !isRead(card));
});
readAll.addEventListener("click", () => feed.readAll());
// A click on a notification, told by the service worker. One of many alerts, or of none, has no id: it leads to the newest.
navigator.serviceWorker?.addEventListener("message", ({ data: { type, id, url } }) => {
  if (type !== "open") return;
  const isHere = id ? list.focus(id) : !newest;
  if (!isHere) location.href = url;
});

count(feed.unread);
keepFresh(main);
