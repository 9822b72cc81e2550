/**
 * What was accepted, until it could not be accepted anyway. In the memory of one process: several need a store that
 * they share, with the same `add` (Redis: `SET key 1 NX EX seconds`), and it may be async.
 */

import { createHash } from "node:crypto";

import { Refused } from "./refused.js";

/** Seconds that an entry outlives its message: clocks of several processes differ. */
export const REPLAY_MARGIN = 60;

/** Of one size, whatever a message says of itself; JSON keeps the parts apart. */
export function replayKey(...parts) {
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url");
}

export class Memory {
  #expires = new Map(); // in the order in which they came

  /** `limit`: entries. When it is full nothing is accepted, rather than something forgotten. */
  constructor({ limit = 1_000_000, clock = () => Date.now() / 1000 } = {}) {
    this.limit = limit;
    this.clock = clock;
    this.sweepAt = 0;
  }

  /** Whether `key` is new; it is remembered up to the Unix second `expires`. */
  add(key, expires) {
    const now = this.clock();
    for (const [oldest, end] of this.#expires) {
      if (end >= now) break;
      this.#expires.delete(oldest);
    }
    if (this.#expires.get(key) >= now) return false;
    if (this.#expires.size >= this.limit && now >= this.sweepAt) this.#sweep(now);
    if (this.#expires.size >= this.limit) throw new Refused("unavailable", "the replay store is full");
    this.#expires.delete(key);
    this.#expires.set(key, expires);
    return true;
  }

  /** What has ended behind something that lasts; once in a second, since it looks at everything. */
  #sweep(now) {
    this.sweepAt = now + 1;
    for (const [key, end] of this.#expires) if (end < now) this.#expires.delete(key);
  }
}
