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
  let lastMs = -1;
  let prefix = '';
  let counter = 0;
  return () => {
    if (offset >= pool.length) {
      randomFillSync(pool);
      offset = 0;
    }
    const ms = Math.floor(now());
    if (ms > lastMs) {
      lastMs = ms;
      prefix = timePrefix(ms);
      counter = (((pool[offset] ?? 0) << 3) | ((pool[offset + 1] ?? 0) & 0x07)) & 0x7ff;
    } else if (++counter > 0xfff) {
      lastMs++;
      prefix = timePrefix(lastMs);
      counter = 0;
    }
    const sequence = `${HEX_DIGIT[counter >> 8]}${HEX[counter & 0xff]}`;
    const variant = HEX[((pool[offset + 2] ?? 0) & 0x3f) | 0x80];
    let tail = '';
    for (let index = 4; index < RANDOM_BYTES_PER_ID; index++) tail += HEX[pool[offset + index] ?? 0];
    offset += RANDOM_BYTES_PER_ID;
    return `${prefix}${sequence}-${variant}${HEX[pool[offset + 3] ?? 0]}-${tail}`;
  };
}

/** The 48 bits of time and the version: everything of an id that stays the same for a millisecond. */
function timePrefix(ms: number): string {
  const time = ms.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7`;
}

const HEX_DIGIT = '0123456789abcdef';
const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
