/** Sums up CPU profiles: `node profile.ts FILE.cpuprofile…` prints where each thread's own time went. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

const LINES_MAX = 25;

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Microseconds by function; what the sampler calls `(idle)` and `(garbage collector)` is among them. */
function selfTimes({ nodes, samples, timeDeltas }: CpuProfile): Map<string, number> {
  const names = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => [
      id,
      `${functionName || '(anonymous)'}${url === '' ? '' : ` ${shorten(url)}:${lineNumber + 1}`}`,
    ]),
  );
  const times = new Map<string, number>();
  samples.forEach((id, index) => {
    const name = names.get(id) ?? '?';
    times.set(name, (times.get(name) ?? 0) + (timeDeltas[index] ?? 0));
  });
  return times;
}

function shorten(url: string): string {
  return url.split('/').slice(-3).join('/');
}

for (const file of process.argv.slice(2)) {
  const times = selfTimes(JSON.parse(readFileSync(file, 'utf8')) as CpuProfile);
  const total = [...times.values()].reduce((sum, time) => sum + time, 0);
  console.log(`\n${basename(file)}: ${(total / 1e6).toFixed(1)} s`);
  const sorted = [...times].sort(([, a], [, b]) => b - a);
  for (const [name, time] of sorted.slice(0, LINES_MAX)) {
    console.log(`${((time / total) * 100).toFixed(1).padStart(6)} %  ${name}`);
  }
}
