// The bell in the header of an admin page: unread count, the latest alerts, mark read. It starts with what the server says
// is the latest, and goes on live over the browser's one line.

import { connect, startOf } from "./page.js";
import { freshen, keepFresh, setTime } from "./times.js";
import { inDigits } from "./title.js";

const MOST = 10;
const AGAIN = 30_000; // milliseconds until the latest alerts are asked for again, when the server did not answer
const WORDS = { connecting: "Connecting …", live: "", waiting: "Offline" };

const bell = document.querySelector(".alerts-bell");
const list = bell.querySelector("ol");
const template = bell.querySelector("template");
const state = bell.querySelector(".bell-state");
const readAll = bell.querySelector(".bell-read-all");

async function load() {
  const response = await fetch(bell.dataset.latest, { cache: "no-store" });
  const latest = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("latest");
  if (!response.ok || !latest) throw new Error(`the server answered ${response.status}`);
  list.replaceChildren(...document.importNode(latest, true).children);
  freshen(list);
  tidy();
  return latest;
}

function show(alerts) {
  for (const alert of alerts) {
    const known = alert.group && items().find((item) => item.dataset.group === alert.group);
    const item = known || template.content.firstElementChild.cloneNode(true);
    fill(item, alert, known ? Number(item.dataset.size) + 1 : 1);
    if (!known) list.prepend(item);
    while (list.childElementCount > MOST) list.lastElementChild.remove();
  }
  tidy();
}

function fill(item, alert, size) {
  Object.assign(item.dataset, { id: alert.id, position: alert.position, level: alert.level, size });
  if (alert.group) item.dataset.group = alert.group;
  const link = item.querySelector("a");
  link.textContent = alert.title;
  link.href = `/alerts/${encodeURIComponent(alert.id)}/`;
  item.querySelector(".bell-toggle .bell-hidden").textContent = `: ${alert.title}`;
  const more = item.querySelector(".bell-more");
  more.hidden = size < 2;
  more.textContent = `and ${(size - 1).toLocaleString("en")} more like it`;
  setTime(item.querySelector("time"), alert.created);
  setRead(item, false);
}

function setRead(item, isRead) {
  item.classList.toggle("is-unread", !isRead);
  item.querySelector(".bell-toggle").firstChild.textContent = isRead ? "Mark unread" : "Mark read";
}

function items() {
  return [...list.children];
}

function tidy() {
  bell.querySelector(".bell-empty").hidden = list.childElementCount > 0;
}

function count(unread) {
  bell.querySelector(".bell-count").hidden = !unread;
  bell.querySelector(".bell-number").textContent = inDigits(unread);
  readAll.disabled = !unread;
}

function close() {
  if (!bell.open) return;
  const hadFocus = bell.contains(document.activeElement);
  bell.open = false;
  if (hadFocus) bell.querySelector("summary").focus();
}

function begin(latest) {
  const { feed } = connect({ ...bell.dataset, level: latest.dataset.level }, startOf(latest), {
    ids: () => items().map((item) => item.dataset.id),
    show,
    mark: (id, isRead) => items().filter((item) => item.dataset.id === id).forEach((item) => setRead(item, isRead)),
    markUpTo: (position) => items().filter((item) => Number(item.dataset.position) <= position).forEach((item) => setRead(item, true)),
    count,
    reload: async () => startOf(await load()),
    onState: (now) => {
      state.textContent = now.words ?? WORDS[now.name];
      bell.dataset.state = now.name;
    },
  });
  count(feed.unread);
  readAll.addEventListener("click", () => feed.readAll());
  list.addEventListener("click", (event) => {
    const item = event.target.closest(".bell-toggle")?.closest("li");
    if (!item) return;
    const isUnread = item.classList.contains("is-unread");
    if (item.dataset.group && isUnread) feed.readGroup(item.dataset.group, item.dataset.id);
    else feed.setRead(item.dataset.id, isUnread);
  });
}

async function start() {
  try {
    begin(await load());
  } catch (error) {
    console.warn("The bell could not be filled:", error.message);
    bell.dataset.state = "waiting";
    state.textContent = "The alerts could not be loaded just now.";
    setTimeout(start, AGAIN);
  }
}

document.addEventListener("keydown", (event) => event.key === "Escape" && close());
document.addEventListener("click", (event) => bell.contains(event.target) || close());
keepFresh(list);
start();
