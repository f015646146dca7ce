/** With `millrace-api.ts`, `millrace-store.ts` and the handlers the only file of the bench that knows Millrace's own API. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Percentiles } from '../harness/contract.ts';
import { eachLimited, type Range } from '../harness/ids.ts';
import type { BenchItem, JobSystem, OpenJobSystem } from '../harness/job-system.ts';
import { keepAliveClient } from '../harness/keep-alive-client.ts';
import { answersHttp, freePort, startServer, stopServer, tempDir, untilReady } from '../harness/processes.ts';
import { type MillraceStore, openMillraceStore, type StoredCounts } from './millrace-store.ts';

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const BIN = root('apps/server/src/bin.ts');
const INDEX = root('apps/server/src/index.ts');
const HANDLERS = fileURLToPath(new URL('./programs/noop-handlers.ts', import.meta.url));
const DRAIN_POLL_MS = 20;
const END_POLL_MS = 5;
const DRAIN_TIMEOUT_MS = 300_000;
const READ_IN_FLIGHT = 64;
const SERVED_CONNECTIONS = 4;
/** One result in so many is asked for over HTTP too; all are read from the disk. */
const SAMPLE_STEP = 50;
const NOTES = ['SQLite, WAL, synchronous=FULL; results kept; concurrency 4096'];

export function millraceMissing(): string | undefined {
  const missing = [BIN, INDEX].find((path) => !existsSync(path));
  return missing === undefined ? undefined : 'this checkout has no apps/server/src/bin.ts or index.ts';
}

/** Millrace inside the bench's own process, without HTTP. */
export const millraceEmbedded: OpenJobSystem = async (observer) => {
  const { createMillrace, defineCommand } = await import('./millrace-api.ts');
  const dir = tempDir('millrace');
  let started = 0;
  const noop = defineCommand({
    type: 'noop',
    concurrency: 4096,
    handler: (command) => {
      const { n } = command.payload as { n: number };
      started++;
      observer.started(n);
      return { ok: true, n };
    },
  });
  const millrace = createMillrace({ dataDir: dir.path, http: false, commands: [noop] });
  await millrace.start();
  const { commands } = millrace;
  await commands.pauseType('noop');
  const store = openMillraceStore(dir.path);
  return {
    versions: { millrace: 'this checkout' },
    notes: [...NOTES, "the generator's memory is included: one process with Node's own heap sizes"],
    memoryRoots: [process.pid],
    submit: async (items) => {
      const inputs = items.map(({ id, n }) => ({ taskId: id, taskType: 'noop', payload: { n } }));
      const refused = (await commands.submitMany(inputs)).find((item) => 'error' in item);
      if (refused !== undefined) throw new Error(`An item was refused: ${JSON.stringify(refused)}`);
    },
    startWorkers: async () => {
      await commands.resumeType('noop');
    },
    untilEnded: async (count) => {
      while (started < count) await delay(END_POLL_MS);
      while (store.hasUnended()) await delay(END_POLL_MS);
      while (store.countEnded() < count) await delay(END_POLL_MS);
    },
    countResults: async (items) => {
      let right = 0;
      await eachLimited(items, READ_IN_FLIGHT, async ({ id, n }: BenchItem) => {
        const { status, result } = await commands.get(id);
        const value = result as { ok?: boolean; n?: number } | undefined;
        if (status === 'SUCCESS' && value?.ok === true && value.n === n) right++;
      });
      return right;
    },
    stop: async () => {
      store.close();
      await millrace.stop();
      dir.remove();
    },
  } satisfies JobSystem;
};

/** Millrace as its users run it, driven by NDJSON batches: its memory is the server's alone. */
export const millraceServed: OpenJobSystem = async (observer) => {
  const server = await startMillrace();
  await server.pause();
  const client = keepAliveClient(server.url, SERVED_CONNECTIONS);
  const store = server.openStore();
  return {
    versions: server.versions,
    notes: [...server.notes, "a server process over HTTP; the memory is the server's alone"],
    memoryRoots: [server.pid],
    submit: async (items) => {
      const lines = items.map(({ id, n }) => `${JSON.stringify({ taskId: id, taskType: 'noop', payload: { n } })}\n`);
      const headers = { 'content-type': 'application/x-ndjson' };
      const { status, body } = await client.post('/commands/batch', lines.join(''), headers);
      const accepted = body.split('"status":"ACCEPTED"').length - 1;
      if (status !== 200 || accepted !== items.length) {
        throw new Error(`${accepted} of ${items.length} were accepted (${status}): ${body.slice(0, 200)}`);
      }
    },
    startWorkers: server.resume,
    untilEnded: async (count) => {
      while (store.hasUnended()) await delay(END_POLL_MS);
      while (store.countEnded() < count) await delay(END_POLL_MS);
    },
    countResults: async (items) => {
      const first = items[0]?.n ?? 0;
      const starts = await server.startCounts({ first, count: items.length });
      starts.forEach((times, index) => {
        for (let time = 0; time < times; time++) observer.started(first + index);
      });
      const sample = items.filter((_, index) => index % SAMPLE_STEP === 0);
      let unreadable = 0;
      await eachLimited(sample, SERVED_CONNECTIONS, async ({ id, n }) => {
        const { status, result } = JSON.parse((await client.get(`/commands/${id}`)).body) as Answered;
        if (status !== 'SUCCESS' || result?.ok !== true || result.n !== n) unreadable++;
      });
      return store.countResults(items) - unreadable;
    },
    stop: async () => {
      store.close();
      client.close();
      await server.stop();
    },
  } satisfies JobSystem;
};

interface Answered {
  readonly status?: string;
  readonly result?: { readonly ok?: boolean; readonly n?: number };
}

export interface MillraceServer {
  readonly url: string;
  readonly pid: number;
  readonly versions: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Waits until all that was accepted has ended. */
  drained(): Promise<void>;
  /** How long the no-ops waited for their start since the last call, in ms from the instant they were sent. */
  startWaits(): Promise<StartWaits>;
  /** How often each of these no-ops was started: 0, 1 or 2 for more. */
  startCounts(range: Range): Promise<readonly number[]>;
  /** Its database file, to read beside it. */
  openStore(): MillraceStore;
  /** Stops the server and counts in its file what it holds, without its help. */
  stopAndCount(): Promise<StoredCounts>;
  /** Stops without looking. */
  stop(): Promise<void>;
}

export interface StartWaits {
  readonly count: number;
  readonly latencyMs: Percentiles;
}

/** With `--profile` the server and its threads write a CPU profile each when they end. */
function profileFlags(): string[] {
  const dir = process.env.BENCH_PROFILE_DIR;
  return dir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${dir}`];
}

/** Millrace as its users run it: a server process of its own, started by the CLI on an empty directory. */
export async function startMillrace(): Promise<MillraceServer> {
  const dir = tempDir('millrace');
  const port = await freePort();
  const args = [...profileFlags(), BIN, 'start', '--port', `${port}`, '--data', dir.path, '--handlers', HANDLERS];
  const child = startServer(process.execPath, args, { env: { NODE_ENV: 'production', LOG_LEVEL: 'warn' } });
  const url = `http://127.0.0.1:${port}`;
  await untilReady(child, () => answersHttp(`${url}/health/ready`));
  const client = keepAliveClient(url, 4);
  const post = async (path: string, body: unknown) => {
    const answer = await client.post(path, JSON.stringify(body));
    if (answer.status >= 300) throw new Error(`${path} answered ${answer.status}: ${answer.body.slice(0, 200)}`);
    return JSON.parse(answer.body) as Record<string, unknown>;
  };
  const ask = async (taskType: string, payload: object) => {
    const { status, result } = await post('/command/process', { taskId: randomUUID(), taskType, payload });
    if (status !== 'SUCCESS') throw new Error(`${taskType} ended with ${status}.`);
    return result;
  };
  let stopped = false;
  const stop = async () => {
    if (stopped) return;
    stopped = true;
    client.close();
    await stopServer(child);
    dir.remove();
  };
  return {
    url,
    pid: child.pid ?? 0,
    versions: { millrace: 'this checkout' },
    notes: NOTES,
    pause: async () => {
      await post('/commands/types/noop/pause', {});
    },
    resume: async () => {
      await post('/commands/types/noop/resume', {});
    },
    drained: async () => {
      const end = Date.now() + DRAIN_TIMEOUT_MS;
      const store = openMillraceStore(dir.path);
      while (store.hasUnended()) {
        if (Date.now() > end) throw new Error('Commands were still unended after 300 s.');
        await delay(DRAIN_POLL_MS);
      }
      store.close();
    },
    startWaits: async () => (await ask('start-waits', {})) as StartWaits,
    startCounts: async (range) => ((await ask('start-counts', range)) as { counts: number[] }).counts,
    openStore: () => openMillraceStore(dir.path),
    stopAndCount: async () => {
      stopped = true;
      client.close();
      await stopServer(child);
      const store = openMillraceStore(dir.path);
      try {
        return store.countStored();
      } finally {
        store.close();
        dir.remove();
      }
    },
    stop,
  };
}
