// The unread count, where tabs show it.

import { MOST_COUNTED } from "./feed.js";

const plain = document.title.replace(/^\(\d+\+?\) /, "");

export function inDigits(unread) {
  return unread >= MOST_COUNTED ? `${MOST_COUNTED}+` : String(unread);
}

export function setTitle(unread) {
  document.title = unread ? `(${inDigits(unread)}) ${plain}` : plain;
}
