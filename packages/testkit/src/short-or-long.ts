/**
 * How much of a scalable test to do: the first value in `npm test`, the second in `npm run test:long` (`MILLRACE_LONG=1`).
 */
export function shortOrLong<TValue>(short: TValue, long: TValue): TValue {
  return process.env.MILLRACE_LONG === '1' ? long : short;
}
