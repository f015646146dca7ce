import { randomUUID } from 'node:crypto';
import type { BenchItem, IdOrder } from './job-system.ts';

/** Ids that all rivals take: UUIDs, because pg-boss takes nothing else. Ascending ones are shaped as UUIDv7. */
export function makeItems(first: number, count: number, order: IdOrder): BenchItem[] {
  const prefix = Date.now().toString(16).padStart(12, '0');
  return Array.from({ length: count }, (_, index) => {
    const n = first + index;
    const id =
      order === 'random'
        ? randomUUID()
        : `${prefix.slice(0, 8)}-${prefix.slice(8)}-7000-8000-${n.toString(16).padStart(12, '0')}`;
    return { id, n };
  });
}

export function inBatches<TItem>(items: readonly TItem[], size: number): TItem[][] {
  const batches: TItem[][] = [];
  for (let from = 0; from < items.length; from += size) batches.push(items.slice(from, from + size));
  return batches;
}

/** Runs `act` over all inputs, at most `inFlight` at a time. */
export async function eachLimited<TInput>(
  inputs: readonly TInput[],
  inFlight: number,
  act: (input: TInput) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < inputs.length) await act(inputs[next++]!);
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, inputs.length) }, lane));
}
