// The unread count, where tabs show it.

export const MOST = 1000; // the server counts no further

const plain = document.title.replace(/^\(\d+\+?\) /, "");

export function inDigits(unread) {
  return unread >= MOST ? `${MOST}+` : String(unread);
}

export function setTitle(unread) {
  document.title = unread ? `(${inDigits(unread)}) ${plain}` : plain;
}
