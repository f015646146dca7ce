/**
 * Runs the load scripts against a Millrace: `node run.ts [--full] [--target URL] [--tool artillery|k6]`. Without
 * `--target` it starts the checkout's own server on an empty directory and a free port, and stops it again. A tool that
 * is not installed is skipped with a word; the exit code is 1 when a tool found its thresholds broken.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const BIN = here('../apps/server/src/bin.ts');
const ARTILLERY = here('./node_modules/artillery/bin/run');
const READY_TIMEOUT_MS = 30_000;
const READY_POLL_MS = 50;
const WARM_UP_COMMANDS = 20;

const { values: flags } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    target: { type: 'string' },
    tool: { type: 'string' },
  },
});

interface Target {
  readonly url: string;
  stop(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('No port was given.');
  return address.port;
}

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  const end = Date.now() + READY_TIMEOUT_MS;
  const isReady = () =>
    fetch(`${url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await isReady())) {
    if (child.exitCode !== null) throw new Error(`The server ended with ${child.exitCode} before it was ready.`);
    if (Date.now() > end) throw new Error('The server was not ready within 30 s.');
    await delay(READY_POLL_MS);
  }
}

async function startMillrace(): Promise<Target> {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-load-'));
  const url = `http://127.0.0.1:${await freePort()}`;
  const args = [BIN, 'start', '--port', new URL(url).port, '--data', dir];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, LOG_LEVEL: 'warn' },
  });
  const stop = async () => {
    if (child.exitCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    rmSync(dir, { recursive: true, force: true });
  };
  await untilReady(url, child).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return { url, stop };
}

/**
 * The assistant is loaded by the first command that needs it, and the first ones run before V8 has compiled its code: in
 * a run of 320 requests those alone would decide the 99th percentile.
 */
async function warmUp(url: string): Promise<void> {
  const key = process.env.API_KEY;
  for (let n = 1; n <= WARM_UP_COMMANDS; n++) {
    const response = await fetch(`${url}/command/process`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
      body: JSON.stringify({
        taskId: `warm-up-${randomUUID()}`,
        taskType: 'EXECUTE_ASSISTANT',
        payload: { input: `Meet Grace Hopper in Berlin on ${n} May 2027 at 9:00.` },
      }),
    });
    const answer = await response.text();
    if (response.status !== 200) throw new Error(`The first commands were answered ${response.status}: ${answer}`);
  }
}

async function runTool(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<boolean> {
  const child = spawn(program, args, { stdio: 'inherit', cwd: here('.'), env: { ...process.env, ...env } });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code === 0;
}

function isInstalled(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((dir) => existsSync(join(dir, program)));
}

/** `undefined`: not installed. */
async function artillery(url: string): Promise<boolean | undefined> {
  if (!existsSync(ARTILLERY)) return undefined;
  const environment = flags.full ? [] : ['--environment', 'ci'];
  const args = [ARTILLERY, 'run', ...environment, '--target', url, 'artillery.yml'];
  // Artillery tells its makers about every run unless it is asked not to.
  return runTool(process.execPath, args, { ARTILLERY_DISABLE_TELEMETRY: 'true' });
}

async function k6(url: string): Promise<boolean | undefined> {
  if (!isInstalled('k6')) return undefined;
  const stages = flags.full ? 'full' : 'ci';
  return runTool('k6', ['run', '-e', `TARGET=${url}`, '-e', `STAGES=${stages}`, 'k6.js'], {
    K6_NO_USAGE_REPORT: 'true',
  });
}

const target: Target =
  flags.target === undefined ? await startMillrace() : { url: flags.target, stop: async () => undefined };
try {
  await warmUp(target.url);
  for (const [name, run] of Object.entries({ artillery, k6 })) {
    if (flags.tool !== undefined && flags.tool !== name) continue;
    const passed = await run(target.url);
    console.log(`${name}: ${passed === undefined ? 'skipped, not installed' : passed ? 'passed' : 'FAILED'}`);
    if (passed === false) process.exitCode = 1;
  }
} finally {
  await target.stop();
}
