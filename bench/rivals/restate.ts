import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { fileURLToPath } from 'node:url';
import { eachLimited } from '../harness/ids.ts';
import type { BenchItem, JobSystem, OpenJobSystem } from '../harness/job-system.ts';
import { type KeepAliveClient, keepAliveClient } from '../harness/keep-alive-client.ts';
import {
  answersHttp,
  answersTcp,
  freePort,
  startServer,
  stopServer,
  tempDir,
  untilReady,
} from '../harness/processes.ts';
import { packageVersion } from './versions.ts';

const CONNECTIONS = 128;
/** One result in so many is read again. */
const SAMPLE_STEP = 20;
const SERVICE = fileURLToPath(new URL('./programs/restate-service.ts', import.meta.url));

function serverPath(): string | undefined {
  try {
    const require = createRequire(import.meta.url);
    return require.resolve(`@restatedev/restate-server-${platform()}-${arch()}/bin/restate-server`);
  } catch {
    return undefined;
  }
}

export function restateMissing(): string | undefined {
  return serverPath() === undefined ? '@restatedev/restate-server has no program for this platform' : undefined;
}

async function startRestate() {
  const dir = tempDir('restate');
  const [ingress, admin, node, service] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const serviceProcess = startServer(process.execPath, [SERVICE, `${service}`], { env: { NODE_ENV: 'production' } });
  const server = startServer(serverPath() ?? 'restate-server', ['--no-logo', '--base-dir', dir.path], {
    env: {
      RESTATE_INGRESS__BIND_PORT: `${ingress}`,
      RESTATE_ADMIN__BIND_PORT: `${admin}`,
      RESTATE_BIND_PORT: `${node}`,
      RESTATE_BIND_IP: '127.0.0.1',
      RESTATE_LISTEN_MODE: 'tcp',
      RESTATE_DISABLE_TELEMETRY: 'true',
      RESTATE_LOG_FILTER: 'warn',
    },
  });
  await untilReady(server, () => answersHttp(`http://127.0.0.1:${ingress}/restate/health`));
  await untilReady(serviceProcess, () => answersTcp(service));
  await untilReady(server, () => register(admin, service));
  return {
    url: `http://127.0.0.1:${ingress}`,
    stop: async () => {
      await Promise.all([stopServer(server, 'SIGKILL'), stopServer(serviceProcess, 'SIGKILL')]);
      dir.remove();
    },
  };
}

async function register(admin: number, service: number): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${admin}/deployments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ uri: `http://127.0.0.1:${service}` }),
  });
  await response.arrayBuffer();
  return response.ok;
}

/** Restate takes one invocation a request; the request waits for the result, which is kept under its idempotency key. */
export const restate: OpenJobSystem = async (observer) => {
  const server = await startRestate();
  const client = keepAliveClient(server.url, CONNECTIONS);
  let ended = 0;
  const submit = (items: readonly BenchItem[]) =>
    eachLimited(items, CONNECTIONS, async (item) => {
      await invoke(client, item);
      ended++;
    });
  return {
    versions: {
      'restate-server': packageVersion('@restatedev/restate-server'),
      'restate-sdk': packageVersion('@restatedev/restate-sdk'),
    },
    notes: [`defaults; one waiting request per command, ${CONNECTIONS} at once; results kept by idempotency key`],
    memoryRoots: [process.pid],
    submit,
    startWorkers: async () => undefined,
    untilEnded: async (count) => {
      if (ended < count) throw new Error(`Only ${ended} of ${count} invocations were answered.`);
    },
    countResults: async (items) => {
      const { body } = await client.post('/noop/starts', 'null');
      for (const [n, times] of JSON.parse(body) as [number, number][]) {
        for (let time = 0; time < times; time++) observer.started(n);
      }
      return countResults(client, items);
    },
    stop: async () => {
      client.close();
      await server.stop();
    },
  } satisfies JobSystem;
};

async function invoke(client: KeepAliveClient, { id, n }: BenchItem): Promise<boolean> {
  const { status, body } = await client.post('/noop/run', JSON.stringify({ n }), { 'idempotency-key': id });
  if (status !== 200) throw new Error(`Restate answered ${status}: ${body.slice(0, 200)}`);
  const result = JSON.parse(body) as { ok?: boolean; n?: number };
  return result.ok === true && result.n === n;
}

/** Every answer was its result already; that it is kept is verified by asking for a sample again under the same key. */
async function countResults(client: KeepAliveClient, items: readonly BenchItem[]): Promise<number> {
  let wrong = 0;
  const sample = items.filter((_, index) => index % SAMPLE_STEP === 0);
  await eachLimited(sample, CONNECTIONS, async (item) => {
    if (!(await invoke(client, item))) wrong++;
  });
  return items.length - wrong;
}
