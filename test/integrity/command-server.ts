import { appendFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { commandsSchema, createCommands } from '@millrace/commands';
import { createSqliteStore, lockDataDirectory } from '@millrace/engines/store';
import { type CommandDefinition, defineCommand, type SubmitInput, sleep, systemClock } from '@millrace/kit';

/**
 * A program that takes commands over a socket, one JSON array a line, and answers a line when they are durable. What its
 * handlers begin and end is appended to a file of its own, which a kill does not take back.
 *
 * Usage: command-server.ts <data directory> <file of runs> <lease in ms>
 */
const [directory = '', runsFile = '', lease = ''] = process.argv.slice(2);
const leaseMs = Number(lease);

function note(kind: string, taskId: string, more: string): void {
  appendFileSync(runsFile, `${kind} ${taskId} ${more}\n`);
}

const work = defineCommand({
  type: 'work',
  concurrency: 50,
  retries: { maxAttempts: 3, initialDelayMs: 1, maxDelayMs: 10 },
  handler: async (command, { attempt, signal }) => {
    const { ms, fails } = command.payload as { ms: number; fails: boolean };
    note('begin', command.taskId, `${command.run}.${attempt}`);
    signal.addEventListener('abort', () => note('abort', command.taskId, `${command.run}.${attempt}`));
    await sleep(systemClock, ms, signal);
    signal.throwIfAborted();
    if (fails && attempt === 1) throw new Error('The first attempt fails.');
    return { pid: process.pid, attempt };
  },
});

using _lock = lockDataDirectory(directory);
const store = createSqliteStore({ directory, schemas: [commandsSchema] });
await store.start();
const room = createCommands({
  ...{ store, definitions: [work as CommandDefinition], retention: false },
  ...{ leaseMs, heartbeatMs: leaseMs / 4, shutdownMs: 2_000 },
});
await room.start();

async function answer(line: string, socket: Socket): Promise<void> {
  const inputs = JSON.parse(line) as SubmitInput[];
  const items = await room.submitMany(inputs);
  socket.write(`${JSON.stringify(items)}\n`);
}

const server = createServer((socket) => {
  socket.on('error', () => {});
  const lines = createInterface({ input: socket });
  lines.on('error', () => {});
  lines.on('line', (line) => void answer(line, socket).catch(() => socket.destroy()));
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  console.log(`listening on ${typeof address === 'object' ? address?.port : address}`);
});

process.once('SIGTERM', async () => {
  server.close();
  await room.stop();
  await store.stop();
  process.exit(0);
});
