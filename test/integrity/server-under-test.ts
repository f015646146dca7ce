import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { BatchItem, SubmitInput } from '@millrace/kit';
import { type RunningProcess, startProcess } from '@millrace/testkit';

/** A real process of `command-server.ts` on a data directory that outlives it. */
export interface ServerUnderTest extends AsyncDisposable {
  readonly process: RunningProcess;
  /** Submits and resolves with the taskIds that were acknowledged; those of a broken connection are unknown. */
  submit(inputs: readonly SubmitInput[]): Promise<readonly string[]>;
}

/** @param leaseMs how long its leases hold without a heartbeat */
export async function startServer(directory: string, leaseMs = 8_000): Promise<ServerUnderTest> {
  const running = await startProcess({
    command: process.execPath,
    args: [join(import.meta.dirname, 'command-server.ts'), directory, runsFileOf(directory), String(leaseMs)],
    readyWhen: /listening on \d+/,
  });
  const port = Number(/listening on (\d+)/.exec(running.output())?.[1]);
  return {
    process: running,
    submit: (inputs) => submitOver(port, inputs),
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

async function submitOver(port: number, inputs: readonly SubmitInput[]): Promise<readonly string[]> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  try {
    await once(socket, 'connect');
    socket.write(`${JSON.stringify(inputs)}\n`);
    const line = await firstLine(socket);
    if (line === undefined) return [];
    const items = JSON.parse(line) as readonly BatchItem[];
    return items.flatMap((item) => ('status' in item ? [item.taskId] : []));
  } catch {
    return [];
  } finally {
    socket.destroy();
  }
}

function firstLine(socket: Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
      if (text.endsWith('\n')) resolve(text);
    });
    socket.once('close', () => resolve(undefined));
  });
}

export interface StoredCommand {
  readonly task_id: string;
  readonly status: string;
  readonly run: number;
  readonly attempts: number;
  readonly finished_at: number | null;
  readonly result: string | null;
}

/** What the database holds now, read beside the living process. */
export function readCommands(directory: string): StoredCommand[] {
  const database = new DatabaseSync(join(directory, 'millrace.db'), { readOnly: true });
  try {
    return database
      .prepare(
        `SELECT c.task_id, c.status, c.run, c.attempts, c.finished_at, r.result
         FROM commands c LEFT JOIN command_results r ON r.command_id = c.id`,
      )
      .all() as unknown as StoredCommand[];
  } finally {
    database.close();
  }
}

/** Lines of what handlers began and aborted: kind, taskId, run.attempt. */
export function readRuns(directory: string): { kind: string; taskId: string; attempt: string }[] {
  const lines = readFileSync(runsFileOf(directory), 'utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const [kind = '', taskId = '', attempt = ''] = line.split(' ');
    return { kind, taskId, attempt };
  });
}

export function runsFileOf(directory: string): string {
  return join(directory, 'runs.txt');
}
