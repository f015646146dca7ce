import { type ChildProcess, spawn } from 'node:child_process';

export interface StartProcessOptions {
  readonly command: string;
  readonly args?: readonly string[];
  readonly cwd?: string;
  /** Added to the environment of the test process, less what steers the test run; `undefined` takes a name away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Ready when a line of stdout or stderr matches, or when the URL answers 2xx; at once when absent. */
  readonly readyWhen?: RegExp | URL;
  /** How long it may take to become ready, in ms; 15 s unless told. */
  readonly readyWithinMs?: number;
}

/** How a process ended: one of the two is `null`, as Node reports it. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A real process under test. Disposing kills whatever is left of it, its children included. */
export interface RunningProcess extends AsyncDisposable {
  readonly pid: number;
  /** stdout and stderr so far, the last `OUTPUT_CHARS_MAX` characters of it. */
  output(): string;
  /** Resolves when the process has ended, however it did. */
  readonly exited: Promise<ProcessExit>;
  /** The first match of the expression in the whole output, once it is there. */
  waitFor(pattern: RegExp, withinMs?: number): Promise<RegExpExecArray>;
  /** Power loss: SIGKILL to the process and its children; resolves when it is gone. */
  kill9(): Promise<ProcessExit>;
  /**
   * SIGTERM, then the end.
   *
   * @throws Error with the output when it does not end within `withinMs` (10 s unless told) or leaves children behind
   */
  stop(withinMs?: number): Promise<ProcessExit>;
  /** Sends any other signal, such as SIGSTOP and SIGCONT. */
  signal(name: NodeJS.Signals): void;
}

/** What steers the test run must not steer the program under test; a `millrace` refuses names that it does not know. */
const OF_THE_TEST_RUN = {
  NODE_TEST_CONTEXT: undefined,
  MILLRACE_LONG: undefined,
  MILLRACE_REQUIRE: undefined,
} as const;

/** What is kept of a process's output. */
export const OUTPUT_CHARS_MAX = 1_000_000;

const READY_WITHIN_MS = 15_000;
const STOP_WITHIN_MS = 10_000;
const PROBE_EVERY_MS = 25;
const LAST_OUTPUT_WITHIN_MS = 1_000;

/**
 * Starts a process in a group of its own and waits until it is ready. When the test process itself dies first, the group
 * is killed with it.
 *
 * @throws Error with the output when it ends before it is ready or takes too long; nothing is left behind then
 */
export async function startProcess(options: StartProcessOptions): Promise<RunningProcess> {
  const child = spawn(options.command, options.args ?? [], {
    cwd: options.cwd,
    env: { ...process.env, ...OF_THE_TEST_RUN, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const output = collectOutput(child);
  const running = await superviseChild(child, options.command, output);
  try {
    await untilReady(running, output, options);
  } catch (error) {
    await running.kill9();
    throw new Error(`${options.command} did not become ready. Its output:\n${running.output()}`, { cause: error });
  }
  return running;
}

async function superviseChild(child: ChildProcess, command: string, output: Output): Promise<RunningProcess> {
  const exited = exitOf(child);
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) => reject(new Error(`Cannot start ${command}`, { cause })));
  });
  const pid = child.pid as number;
  const killGroup = () => signalGroup(pid, 'SIGKILL');
  process.once('exit', killGroup);
  void exited.then(() => process.removeListener('exit', killGroup));

  const kill9 = async () => {
    killGroup();
    return await exited;
  };
  return {
    pid,
    output: output.text,
    exited,
    waitFor: (pattern, withinMs = READY_WITHIN_MS) => within(output.match(pattern), withinMs, `output ${pattern}`),
    kill9,
    signal: (name) => signalGroup(pid, name),
    stop: async (withinMs = STOP_WITHIN_MS) => {
      child.kill('SIGTERM');
      try {
        const exit = await within(exited, withinMs, 'the end after SIGTERM');
        if (groupLives(pid)) throw new Error('It left child processes behind.');
        return exit;
      } catch (error) {
        await kill9();
        throw new Error(`${command} did not stop cleanly. Its output:\n${output.text()}`, { cause: error });
      }
    },
    [Symbol.asyncDispose]: async () => {
      await kill9();
    },
  };
}

/** Waits for the last output too, but not for children that hold the pipes open. */
function exitOf(child: ChildProcess): Promise<ProcessExit> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      const settle = () => resolve({ code, signal });
      child.once('close', settle);
      setTimeout(settle, LAST_OUTPUT_WITHIN_MS).unref();
    });
  });
}

interface Output {
  readonly text: () => string;
  readonly match: (pattern: RegExp) => Promise<RegExpExecArray>;
}

function collectOutput(child: ChildProcess): Output {
  let text = '';
  const watchers = new Set<() => void>();
  const append = (chunk: string) => {
    text = (text + chunk).slice(-OUTPUT_CHARS_MAX);
    for (const watcher of watchers) watcher();
  };
  child.stdout?.setEncoding('utf8').on('data', append);
  child.stderr?.setEncoding('utf8').on('data', append);
  const match = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve) => {
      const watcher = () => {
        const found = new RegExp(pattern.source, pattern.flags.replace('g', '')).exec(text);
        if (found === null) return;
        watchers.delete(watcher);
        resolve(found);
      };
      watchers.add(watcher);
      watcher();
    });
  return { text: () => text, match };
}

async function untilReady(running: RunningProcess, output: Output, options: StartProcessOptions): Promise<void> {
  const { readyWhen, readyWithinMs = READY_WITHIN_MS } = options;
  if (readyWhen === undefined) return;
  const gaveUp = new AbortController();
  const ended = running.exited.then(({ code, signal }) => {
    throw new Error(`It ended early (${signal ?? `exit code ${code}`}).`);
  });
  const ready = readyWhen instanceof URL ? answers(readyWhen, gaveUp.signal) : output.match(readyWhen);
  try {
    await within(Promise.race([ready, ended]), readyWithinMs, 'readiness');
  } finally {
    gaveUp.abort();
    ended.catch(() => {});
    ready.catch(() => {});
  }
}

async function answers(url: URL, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const response = await fetch(url, { signal });
      await response.body?.cancel();
      if (response.ok) return;
    } catch {
      // Not listening yet.
    }
    await new Promise((resolve) => setTimeout(resolve, PROBE_EVERY_MS));
  }
}

async function within<TValue>(promise: Promise<TValue>, withinMs: number, what: string): Promise<TValue> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`Waited ${withinMs} ms for ${what}.`)), withinMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone already.
  }
}

function groupLives(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch {
    return false;
  }
}
