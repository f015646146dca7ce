import type { Command, CommandContext } from '@millrace/kit';

/** Which whole numbers to look at: `from` is one of them, `to` is not. */
export interface PrimeRange {
  readonly from: number;
  readonly to: number;
}

export interface PrimeCount extends PrimeRange {
  readonly primes: number;
}

/** Numbers between two looks at the signal. */
const NUMBERS_PER_STRIDE = 10_000;

/** Runs in a worker thread, so that the event loop stays free for everybody else. */
export function handler({ payload }: Command<PrimeRange>, context: CommandContext): PrimeCount {
  const { from, to } = payload;
  let primes = 0;
  for (let start = from; start < to; start += NUMBERS_PER_STRIDE) {
    context.signal.throwIfAborted();
    const end = Math.min(start + NUMBERS_PER_STRIDE, to);
    for (let number = start; number < end; number += 1) if (isPrime(number)) primes += 1;
    context.progress({ done: end - from, total: to - from });
  }
  return { from, to, primes };
}

function isPrime(number: number): boolean {
  if (number < 4) return number > 1;
  if (number % 2 === 0) return false;
  for (let divisor = 3; divisor * divisor <= number; divisor += 2) if (number % divisor === 0) return false;
  return true;
}
