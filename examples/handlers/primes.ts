import type { Command, CommandContext } from 'millrace';

interface Range {
  readonly from: number;
  readonly to: number;
}

const REPORT_EVERY = 100_000;

/** Runs in a worker thread. It may compute as long as its deadline allows: past it the thread is killed. */
export function handler({ payload }: Command<Range>, context: CommandContext): { primes: number } {
  let primes = 0;
  for (let candidate = payload.from; candidate < payload.to; candidate += 1) {
    if (isPrime(candidate)) primes += 1;
    if (candidate % REPORT_EVERY === 0) context.progress({ candidate, primes });
  }
  return { primes };
}

function isPrime(candidate: number): boolean {
  if (candidate < 2) return false;
  for (let divisor = 2; divisor * divisor <= candidate; divisor += 1) {
    if (candidate % divisor === 0) return false;
  }
  return true;
}
