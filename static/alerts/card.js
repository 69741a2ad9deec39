// One alert as a card: a copy of the page's own template, filled with text and never with markup. A group has one card.

import { setTime } from "./times.js";

/** A new list item for an alert as the wire brings it. */
export function build(template, alert) {
  const item = template.content.firstElementChild.cloneNode(true);
  const card = item.querySelector(".alert");
  card.dataset.first = alert.position;
  if (alert.group) card.dataset.group = alert.group;
  show(card, alert);
  card.classList.add("is-new");
  return item;
}

/** Fill a card with an alert, unread as every new one is. */
export function show(card, alert) {
  const part = (name) => card.querySelector(`.${name}`);
  card.dataset.id = alert.id;
  card.dataset.position = alert.position;
  card.dataset.level = alert.level;
  card.querySelector("use").setAttribute("href", `#icon-${alert.level}`);
  part("alert-level").textContent = `${alert.level[0].toUpperCase()}${alert.level.slice(1)}: `;
  part("alert-link").textContent = alert.title;
  part("alert-link").href = `/alerts/${encodeURIComponent(alert.id)}/`;
  part("alert-of").textContent = `: ${alert.title}`;
  fill(part("count"), alert.count > 1 && `× ${alert.count.toLocaleString("en")}`);
  fill(part("alert-body"), alert.body);
  fill(part("alert-actor"), alert.actor?.label, "b");
  fill(part("alert-cause"), alert.cause?.label, "b");
  // Browsers drop tabs and newlines from addresses: "/<tab>/elsewhere" leads elsewhere too.
  const isOnThisSite = /^\/(?![/\\])[^\u0000-\u001f]*$/.test(alert.url ?? "");
  part("alert-url").hidden = !isOnThisSite;
  if (isOnThisSite) part("alert-url").href = alert.url;
  setTime(card.querySelector("time"), alert.created);
  setRead(card, false);
}

export function isRead(card) {
  return !card.classList.contains("is-unread");
}

export function setRead(card, isRead) {
  card.classList.toggle("is-unread", !isRead);
  card.querySelector(".alert-toggle").firstChild.textContent = isRead ? "Mark unread" : "Mark read";
}

function fill(element, text, inner = "") {
  element.hidden = !text;
  if (text) (inner ? element.querySelector(inner) : element).textContent = text;
}
