import { randomFillSync } from 'node:crypto';

/** Random bytes are drawn for this many ids at a time; drawing them one by one costs ten times as much. */
const POOL_IDS = 512;
const RANDOM_BYTES_PER_ID = 10;

/**
 * Makes a generator of UUIDv7 ids (RFC 9562 §5.7) that ascend within one process: ids of the same millisecond count
 * up in `rand_a` (method 1 of §6.2), and a clock that goes back is ignored until it catches up.
 *
 * @param now wall clock in ms since the epoch
 */
export function createUuidV7(now: () => number): () => string {
  const pool = new Uint8Array(POOL_IDS * RANDOM_BYTES_PER_ID);
  let offset = pool.length;
  let lastMs = 0;
  let counter = 0;
  return () => {
    if (offset >= pool.length) {
      randomFillSync(pool);
      offset = 0;
    }
    const ms = now();
    if (ms > lastMs) {
      lastMs = ms;
      counter = (((pool[offset] ?? 0) << 3) | ((pool[offset + 1] ?? 0) & 0x07)) & 0x7ff;
    } else if (++counter > 0xfff) {
      lastMs++;
      counter = 0;
    }
    const time = lastMs.toString(16).padStart(12, '0');
    const variant = (((pool[offset + 2] ?? 0) & 0x3f) | 0x80).toString(16);
    let tail = '';
    for (let index = 3; index < RANDOM_BYTES_PER_ID; index++) tail += HEX[pool[offset + index] ?? 0];
    offset += RANDOM_BYTES_PER_ID;
    return `${time.slice(0, 8)}-${time.slice(8)}-7${counter.toString(16).padStart(3, '0')}-${variant}${tail.slice(0, 2)}-${tail.slice(2)}`;
  };
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
