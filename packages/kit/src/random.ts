/** A source of randomness: numbers in [0, 1), as `Math.random` gives them. Injected, so that tests can replay. */
export type Random = () => number;

/** The randomness of the machine. Not for secrets. */
export const systemRandom: Random = () => Math.random();

/**
 * A source that gives the same numbers for the same seed: mulberry32 by Tommy Ettinger (public domain, period 2^32;
 * https://gist.github.com/tommyettinger/46a874533244883189143505d203312c). For the simulator and tests.
 *
 * @param seed its lower 32 bits count
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
