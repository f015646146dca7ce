import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Percentiles } from './contract.ts';
import { findProgram, runProgram, tempDir } from './processes.ts';

/** Slower than this is broken; what is slow shows in the percentiles. wrk's own 2 s would fail a run on a busy machine. */
const REQUEST_TIMEOUT_S = 10;

export function wrkMissing(): string | undefined {
  return findProgram('wrk') === undefined ? 'wrk is not installed' : undefined;
}

export interface WrkOptions {
  readonly url: string;
  readonly body: string;
  readonly connections: number;
  readonly seconds: number;
}

export interface WrkResult {
  /** Answers with a status below 400 that wrk received in full. */
  readonly accepted: number;
  readonly refused: number;
  /** Connections that failed, reads or writes that failed, requests that took longer than `REQUEST_TIMEOUT_S`. */
  readonly broken: number;
  readonly perSecond: number;
  readonly latencyMs: Percentiles;
}

/** wrk reports microseconds and counts statuses above 399 itself; `done` prints all of it as one JSON line. */
const script = (body: string) => `
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = ${JSON.stringify(body)}
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    'JSON {"requests":%d,"micros":%d,"status":%d,"broken":%d,"p50":%f,"p95":%f,"p99":%f,"p999":%f,"max":%f}\\n',
    summary.requests, summary.duration, e.status, e.connect + e.read + e.write + e.timeout,
    latency:percentile(50), latency:percentile(95), latency:percentile(99), latency:percentile(99.9), latency.max))
end
`;

/** Posts the same body over and over: closed loop, every connection sends when its answer has come. */
export async function runWrk(options: WrkOptions): Promise<WrkResult> {
  const dir = tempDir('wrk');
  try {
    const lua = join(dir.path, 'post.lua');
    writeFileSync(lua, script(options.body));
    const size = ['-t1', `-c${options.connections}`, `-d${options.seconds}s`, '--timeout', `${REQUEST_TIMEOUT_S}s`];
    const args = [...size, '-s', lua, options.url];
    return parse(await runProgram('wrk', args));
  } finally {
    dir.remove();
  }
}

function parse(output: string): WrkResult {
  const line = output.split('\n').find((text) => text.startsWith('JSON '));
  if (line === undefined) throw new Error(`wrk printed no summary: ${output.slice(0, 300)}`);
  const found = JSON.parse(line.slice(5)) as Record<string, number>;
  const accepted = found.requests! - found.status!;
  const ms = (name: string) => found[name]! / 1000;
  return {
    accepted,
    refused: found.status!,
    broken: found.broken!,
    perSecond: accepted / (found.micros! / 1e6),
    latencyMs: { p50: ms('p50'), p95: ms('p95'), p99: ms('p99'), p999: ms('p999'), max: ms('max') },
  };
}
