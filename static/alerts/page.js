// What every page with a feed has in common: the line, the state of the feed, and notifications.

import { Feed } from "./feed.js";
import { Line } from "./line.js";
import { Notifications } from "./notifications.js";

/** Where a page rendered by the server stands. */
export function startOf(element) {
  const { epoch, position, unread, readsVersion } = element.dataset;
  return { epoch, position: Number(position), unread: Number(unread), readsVersion: Number(readsVersion) };
}

/**
 * Connect a page. `site` is the dataset of the element that names the addresses; `page` has the methods a Feed tells
 * (`ids show mark markUpTo count warn reload`), `onState(state)` of the connection, `onPermission(state)` and
 * `onLevel(level)` of the notifications.
 */
export function connect(site, start, page) {
  const feed = new Feed(start, {
    ...page,
    send: (command) => line.send(command),
    rejoin: () => line.rejoin(),
  });
  const notifications = new Notifications({
    user: site.user,
    workerUrl: site.worker,
    level: site.level,
    onState: page.onPermission ?? (() => {}),
    onLevel: page.onLevel ?? (() => {}),
  });
  const line = new Line({
    user: site.user,
    socketUrl: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${site.socket}`,
    sessionUrl: site.sessionUrl,
    place: () => feed.place,
    onState: page.onState,
    onNew: (alerts) => notifications.show(alerts),
    onFrame: (frame) => {
      feed.hear(frame);
      if (document.visibilityState === "visible") line.see(feed.position);
      if (frame.type === "reads" && line.isLeading) closeRead(notifications, frame);
    },
  });
  notifications.start();
  line.open();
  return { feed, line, notifications };
}

function closeRead(notifications, { read_ids: ids, read_up_to: upTo }) {
  if (upTo !== undefined) notifications.close();
  else if (ids?.length) notifications.close(ids);
}
