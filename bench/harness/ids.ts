import { randomInt } from 'node:crypto';
import type { BenchItem, IdOrder } from './job-system.ts';

const TIME_PREFIX = Date.now().toString(16).padStart(12, '0');
const SEED = randomInt(2 ** 32);

/** A 32-bit finaliser (murmur3's): neighbouring numbers come out unrelated, and no two come out alike. */
function scatter(value: number): number {
  let hash = value >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const hex8 = (value: number) => value.toString(16).padStart(8, '0');

/** A UUID shaped as version 4, random in its order but a function of `n`: nobody has to remember it. */
function randomId(n: number): string {
  const [a, b, c] = [scatter(n ^ SEED), hex8(scatter(n + SEED)), scatter(n ^ 0x9e3779b9)];
  return `${hex8(a)}-${b.slice(0, 4)}-4${b.slice(5)}-8${hex8(c).slice(1, 4)}-${n.toString(16).padStart(12, '0')}`;
}

function ascendingId(n: number): string {
  return `${TIME_PREFIX.slice(0, 8)}-${TIME_PREFIX.slice(8)}-7000-8000-${n.toString(16).padStart(12, '0')}`;
}

export function makeItem(n: number, order: IdOrder): BenchItem {
  return { id: order === 'random' ? randomId(n) : ascendingId(n), n };
}

/**
 * Items with UUIDs, because pg-boss takes nothing else; the same `n` gets the same id within one process, so that the
 * bench keeps no list of them beside the system whose memory it measures.
 */
export function makeItems(first: number, count: number, order: IdOrder): BenchItem[] {
  return Array.from({ length: count }, (_, index) => makeItem(first + index, order));
}

export interface Range {
  readonly first: number;
  readonly count: number;
}

/** Cuts `count` numbers from `first` on into ranges of at most `size`. */
export function inRanges({ first, count }: Range, size: number): Range[] {
  return Array.from({ length: Math.ceil(count / size) }, (_, index) => ({
    first: first + index * size,
    count: Math.min(size, count - index * size),
  }));
}

/** Runs `act` over all inputs, at most `inFlight` at a time. */
export async function eachLimited<TInput>(
  inputs: readonly TInput[],
  inFlight: number,
  act: (input: TInput) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < inputs.length) await act(inputs[next++] as TInput);
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, inputs.length) }, lane));
}
