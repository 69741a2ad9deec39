// Times as people say them: "5 minutes ago". The exact one is in the title.

const UNITS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60]];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const exact = new Intl.DateTimeFormat("en", { dateStyle: "long", timeStyle: "medium" });

/** `seconds` from now, negative for the past, in words. */
export function inWords(seconds) {
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) return relative.format(Math.trunc(seconds / length), unit);
  }
  return "just now";
}

export function setTime(element, iso) {
  element.dateTime = iso;
  element.title = exact.format(new Date(iso));
  refresh(element);
}

/** Put every time in there in words. */
export function freshen(root) {
  for (const element of root.querySelectorAll("time")) setTime(element, element.dateTime);
}

/** Keep every time in there up to date. */
export function keepFresh(root) {
  freshen(root);
  setInterval(() => root.querySelectorAll("time").forEach(refresh), 30_000);
}

function refresh(element) {
  element.textContent = inWords((new Date(element.dateTime) - Date.now()) / 1000);
}
