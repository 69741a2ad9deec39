{% load static %}// Shows notifications for the pages of this site: one per alert, and only while none of the pages is in front.

const ICON = "{% static 'alerts/icon.png' %}";
const HOME = "{% url 'dashboard' %}";
const TEST = "alerts-test";
const MANY = "alerts-many";
let turn = Promise.resolve(); // messages are heard one after the other: what they tell of adds up

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("message", (event) => {
  turn = turn.catch(() => {}).then(() => hear(event.data));
  event.waitUntil(turn);
});
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data));
});

async function hear(message) {
  if (message.type === "close") return close(message.ids);
  if (message.type === "test") return show("Notifications work", { body: "This is how an alert will look.", tag: TEST, renotify: true, data: { url: HOME } });
  if (await isInFront()) return undefined;
  if (message.type === "many") return showMany(message.count);
  if (message.type === "show") return Promise.all(message.alerts.map(showAlert));
  return undefined;
}

async function isInFront() {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  return pages.some((page) => page.visibilityState === "visible");
}

/** The address is made of the id here, so that a notification never leads to another site. One shown again replaces itself. */
function showAlert(alert) {
  return show(alert.title, {
    body: alert.body,
    tag: alert.group || alert.id,
    timestamp: Date.parse(alert.created),
    requireInteraction: alert.level === "critical",
    data: { id: alert.id, url: `${HOME}alerts/${encodeURIComponent(alert.id)}/` },
  });
}

/** One for all batches: what it told of and nobody has looked at yet is counted again. */
async function showMany(count) {
  const [shown] = await self.registration.getNotifications({ tag: MANY });
  const all = count + (shown?.data.count ?? 0);
  return show(`${all} new alerts`, { body: "They came while you were away.", tag: MANY, data: { url: HOME, count: all } });
}

function show(title, options) {
  return self.registration.showNotification(title, { icon: ICON, ...options });
}

/** Read somewhere else: nobody needs to be told any more. Without ids, all are. */
async function close(ids) {
  for (const notification of await self.registration.getNotifications()) {
    if (!ids || ids.includes(notification.data.id)) notification.close();
  }
}

/** Focus the feed and let it go to the alert; no other page is taken away from whoever works on it. */
async function open(data) {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const page = pages.find((one) => new URL(one.url).pathname === HOME);
  if (!page) return self.clients.openWindow(data.url);
  page.postMessage({ type: "open", ...data });
  return page.focus();
}
