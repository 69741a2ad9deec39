// How long to wait before the next try: full jitter under a ceiling of 1 s that doubles to 30 s.

export const FIRST = 1;
export const MOST = 30;

/**
 * Seconds before try number `tries` (from 0). `least` is what the server asked for: never sooner, and spread over as long
 * again, for a restarting server tells everyone the same. `random` gives a number in [0, 1).
 */
export function pause(tries, least = 0, random = Math.random) {
  return least + random() * Math.max(Math.min(FIRST * 2 ** tries, MOST), least);
}
