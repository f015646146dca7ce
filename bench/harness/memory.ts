import { readdirSync, readFileSync } from 'node:fs';

const SAMPLE_INTERVAL_MS = 250;
/** Linux counts CPU time in hundredths of a second for user space, whatever the kernel's own tick. */
const TICKS_PER_SECOND = 100;

interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
}

function processes(): ProcessRow[] {
  const rows: ProcessRow[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      // The command's name, in brackets, may hold spaces: fields are counted after the last bracket.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      rows.push({ pid: Number(entry), parent: Number(fields[1]) });
    } catch {
      // It ended while we looked.
    }
  }
  return rows;
}

/** A process and all that it started, however deep. */
export function processTree(root: number): number[] {
  const rows = processes();
  const tree = [root];
  for (let index = 0; index < tree.length; index++) {
    for (const row of rows) if (row.parent === tree[index]) tree.push(row.pid);
  }
  return tree;
}

function statusKb(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  try {
    return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Resident megabytes of all processes together; pages that several share are counted in each. */
export function residentMb(pids: readonly number[], field: 'VmRSS' | 'VmHWM' = 'VmRSS'): number {
  return pids.reduce((sum, pid) => sum + statusKb(pid, field), 0) / 1024;
}

/** CPU seconds that the processes have used so far, user and system. */
export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It ended: what it used is lost to us.
    }
  }
  return ticks / TICKS_PER_SECOND;
}

/** The command line of the processes under the variant's own, which are no part of the system under test. */
const DRIVERS = ['wrk'];

function isDriver(pid: number): boolean {
  try {
    const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
    return DRIVERS.includes(name);
  } catch {
    return true;
  }
}

export interface MemorySampler {
  /** Stops and returns the greatest resident total seen, in MB. */
  stop(): { readonly rssMaxMb: number; readonly samples: readonly (readonly [seconds: number, mb: number])[] };
}

/**
 * Samples the resident memory of whole process trees. Single processes report their own high-water mark (`VmHWM`), so
 * a peak between two samples is not missed; for several the sum of the current sizes is taken, since their peaks need
 * not coincide.
 */
export function sampleMemory(roots: readonly number[]): MemorySampler {
  const started = performance.now();
  const samples: [number, number][] = [];
  let rssMaxMb = 0;
  const look = () => {
    const pids = [...new Set(roots.flatMap((root) => processTree(root)))].filter((pid) => !isDriver(pid));
    const now = residentMb(pids);
    samples.push([(performance.now() - started) / 1000, now]);
    rssMaxMb = Math.max(rssMaxMb, now, pids.length === 1 ? residentMb(pids, 'VmHWM') : 0);
  };
  look();
  const timer = setInterval(look, SAMPLE_INTERVAL_MS);
  timer.unref();
  return {
    stop: () => {
      clearInterval(timer);
      look();
      return { rssMaxMb, samples };
    },
  };
}
