import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const READY_POLL_MS = 25;
const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 10_000;

/** The full path of a program, or `undefined` when it is not installed. */
export function findProgram(name: string, extraDirs: readonly string[] = []): string | undefined {
  const dirs = [...(process.env.PATH ?? '').split(delimiter), ...extraDirs];
  return dirs.map((dir) => join(dir, name)).find((path) => existsSync(path));
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('No port was given.');
  return address.port;
}

export interface TempDir {
  readonly path: string;
  remove(): void;
}

const tempDirs = new Set<() => void>();

export function tempDir(label: string): TempDir {
  const path = mkdtempSync(join(tmpdir(), `millrace-bench-${label}-`));
  const remove = () => rmSync(path, { recursive: true, force: true });
  tempDirs.add(remove);
  return {
    path,
    remove: () => {
      tempDirs.delete(remove);
      remove();
    },
  };
}

/** Waits until `probe` says yes; fails when the process has ended or after 30 s. */
export async function untilReady(child: ChildProcess | undefined, probe: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + READY_TIMEOUT_MS;
  while (!(await probe().catch(() => false))) {
    if (child !== undefined && (child.exitCode !== null || child.signalCode !== null)) {
      throw new Error(`${describe(child)} ended with ${child.exitCode ?? child.signalCode} before it was ready.`);
    }
    if (Date.now() > end) throw new Error(`${describe(child)} was not ready within 30 s.`);
    await delay(READY_POLL_MS);
  }
}

export function answersTcp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

export async function answersHttp(url: string): Promise<boolean> {
  const response = await fetch(url);
  await response.arrayBuffer();
  return response.ok;
}

export interface SpawnOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Run as this user, which only root may do. */
  readonly uid?: number;
  readonly gid?: number;
}

function childOptions({ env, ...rest }: SpawnOptions) {
  return { ...rest, env: { ...process.env, ...env } };
}

const running = new Set<ChildProcess>();
// Whatever ends a variant's process must leave neither servers nor directories behind.
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  for (const remove of tempDirs) remove();
});

const COMPLAINT_CHARS_MAX = 2_000;
/** The end of what a server wrote to stderr, for the report when it does not start. */
const complaints = new WeakMap<ChildProcess, string>();

function describe(child: ChildProcess | undefined): string {
  if (child === undefined) return 'The server';
  const complaint = complaints.get(child)?.trim() ?? '';
  return `${basename(child.spawnfile)}${complaint === '' ? '' : ` (${complaint})`}`;
}

/** Starts a server; what it says goes to stderr only with `BENCH_DEBUG=1`. */
export function startServer(program: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const isDebug = process.env.BENCH_DEBUG === '1';
  const child = spawn(program, args, { stdio: ['ignore', isDebug ? 2 : 'ignore', 'pipe'], ...childOptions(options) });
  child.stderr?.on('data', (chunk: Buffer) => {
    if (isDebug) process.stderr.write(chunk);
    complaints.set(child, `${complaints.get(child) ?? ''}${chunk}`.slice(-COMPLAINT_CHARS_MAX));
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** Sends `signal`, then SIGKILL when that took more than 10 s. */
export async function stopServer(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}

/** Runs a program to its end and returns what it printed. */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: SpawnOptions = {},
): Promise<string> {
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...childOptions(options),
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${errors.slice(0, 500)}`);
  return output;
}
