// How long to wait before the next try: full jitter under a ceiling of 1 s that doubles to 30 s.

export const FIRST = 1;
export const MOST = 30;

/** Seconds before try number `tries` (from 0). `random` gives a number in [0, 1). */
export function pause(tries, random = Math.random) {
  return random() * Math.min(FIRST * 2 ** tries, MOST);
}
