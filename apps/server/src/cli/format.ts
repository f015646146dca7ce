import { serverError } from '../errors.ts';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Columns side by side, as wide as their widest cell; the last one is not padded. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)));
  return [head, ...rows].map((row) => tableRow(row, widths)).join('\n');
}

export function tableRow(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, column) => cell.padEnd(widths[column] ?? 0))
    .join('  ')
    .trimEnd();
}

/** `2026-01-02 03:04:05Z`, or a dash. */
export function instant(iso: string | null | undefined): string {
  return iso === null || iso === undefined ? '-' : `${iso.slice(0, 19).replace('T', ' ')}Z`;
}

/** `12 ms`, `1.5 s`, `2 min 5 s`, or a dash. */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '-';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`;
}

/** `500`, `500ms`, `5s`, `2m`, `1h`, `7d` in ms. @throws CLI_USAGE */
export function parseDurationMs(text: string, option: string): number {
  const [, amount, unit = 'ms'] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text.trim()) ?? [];
  if (amount === undefined) {
    throw usage(`${option} ${text}: write a duration like 500ms, 5s, 2m, 1h or 7d.`);
  }
  return Math.round(Number(amount) * (UNIT_MS[unit] ?? 1));
}

/** An ISO 8601 instant, or a duration that is so long ago. @throws CLI_USAGE */
export function parseInstant(text: string | undefined, option: string, nowMs: number): Date | undefined {
  if (text === undefined) return undefined;
  const parsed = Date.parse(text);
  if (/^\d{4}-/.test(text) && !Number.isNaN(parsed)) return new Date(parsed);
  return new Date(nowMs - parseDurationMs(text, option));
}

/** A whole number within bounds. @throws CLI_USAGE */
export function parseWhole(
  text: string,
  option: string,
  bounds: { readonly min: number; readonly max: number },
): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= bounds.min && value <= bounds.max) return value;
  throw usage(`${option} ${text}: write a whole number from ${bounds.min} to ${bounds.max}.`);
}

export function parseJsonText(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw usage(`${what} is not JSON: ${(error as Error).message}.`);
  }
}

export function usage(problem: string) {
  return serverError('CLI_USAGE', { details: { problem } });
}
