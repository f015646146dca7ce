import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type SubmitInput, seededRandom } from '@millrace/kit';
import { eventually, shortOrLong, tempDir } from '@millrace/testkit';
import { readCommands, readRuns, type ServerUnderTest, type StoredCommand, startServer } from './server-under-test.ts';

const ROUNDS = shortOrLong(3, 20);
const BATCH = 40;
/** Batches of one round: recovery is measured, not how fast a backlog is worked off. */
const BATCHES_MAX = 20;
/** Promise 4: after a restart everything that was left has ended within this time, in ms. */
const RECOVERY_MS = 10_000;
const UNTIL_KILL_MS = { min: 150, max: 700 };

test('kill -9 under load loses nothing acknowledged, ends every command once and recovers within 10 s', async (t) => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 1e9));
  t.diagnostic(`SEED=${seed}`);
  const random = seededRandom(seed);
  await using directory = await tempDir();
  const acknowledged = new Set<string>();
  const sent = new Map<string, SubmitInput>();
  const ended = new Map<string, StoredCommand>();
  for (let round = 0; round < ROUNDS; round++) {
    await using server = await startServer(directory.path);
    const load = new AbortController();
    const loaded = keepSubmitting(server, { round, random, acknowledged, sent, signal: load.signal });
    await delay(UNTIL_KILL_MS.min + random() * (UNTIL_KILL_MS.max - UNTIL_KILL_MS.min));
    await server.process.kill9();
    load.abort();
    await loaded;
    rememberEnds(directory.path, ended);
  }
  await using server = await startServer(directory.path);
  await eventually(() => assert.equal(readCommands(directory.path).filter(isOpen).length, 0), {
    withinMs: RECOVERY_MS,
    everyMs: 100,
  });
  checkAll(directory.path, acknowledged, ended);
  const again = await server.submit(
    [...sent.values()].filter(({ taskId }) => acknowledged.has(taskId ?? '')).slice(0, 50),
  );
  assert.ok(again.length > 0);
  checkAll(directory.path, acknowledged, ended);
  assert.equal((await server.process.stop()).code, 0);
});

test('a process that stood still beyond its leases aborts them first, and nothing ends twice', async () => {
  await using directory = await tempDir();
  await using server = await startServer(directory.path, 1_000);
  const inputs = Array.from({ length: 20 }, (_, index) => input(`still-${index}`, 1_500, false));
  const acknowledged = new Set(await server.submit(inputs));
  assert.equal(acknowledged.size, inputs.length);
  await eventually(() => assert.equal(readRuns(directory.path).length, inputs.length));
  server.process.signal('SIGSTOP');
  await delay(2_000);
  server.process.signal('SIGCONT');
  await eventually(() => assert.equal(readCommands(directory.path).filter(isOpen).length, 0), {
    withinMs: RECOVERY_MS,
  });
  const runs = readRuns(directory.path);
  for (const { task_id: taskId, status, result } of readCommands(directory.path)) {
    assert.equal(status, 'SUCCESS');
    const { attempt } = JSON.parse(result ?? '{}') as { attempt: number };
    const own = runs.filter((run) => run.taskId === taskId);
    assert.deepEqual(own.filter(({ kind }) => kind === 'begin').at(-1)?.attempt, `1.${attempt}`);
    const aborts = own.filter(({ kind }) => kind === 'abort').length;
    assert.equal(aborts, own.filter(({ kind }) => kind === 'begin').length - 1, 'what was left was told to stop');
  }
});

test('SIGTERM finishes or gives back everything that is leased and exits 0', async () => {
  await using directory = await tempDir();
  await using server = await startServer(directory.path);
  const short = Array.from({ length: 60 }, (_, index) => input(`short-${index}`, 300, false));
  const long = Array.from({ length: 30 }, (_, index) => input(`long-${index}`, 60_000, false));
  await server.submit([...long, ...short]);
  await eventually(() => assert.ok(readRuns(directory.path).length >= 40));
  const { code } = await server.process.stop(15_000);
  assert.equal(code, 0);
  const rows = readCommands(directory.path);
  assert.equal(rows.length, 90);
  assert.deepEqual(
    [...new Set(rows.map(({ status }) => status))].filter((status) => status === 'RUNNING'),
    [],
  );
  assert.ok(rows.filter(({ status }) => status === 'SUCCESS').length >= 20, 'short ones at work were finished');
});

function input(taskId: string, ms: number, fails: boolean): SubmitInput {
  return { taskId, taskType: 'work', payload: { ms, fails } };
}

interface Load {
  readonly round: number;
  readonly random: () => number;
  readonly acknowledged: Set<string>;
  readonly sent: Map<string, SubmitInput>;
  readonly signal: AbortSignal;
}

async function keepSubmitting(
  server: ServerUnderTest,
  { round, random, acknowledged, sent, signal }: Load,
): Promise<void> {
  for (let batch = 0; !signal.aborted && batch < BATCHES_MAX; batch++) {
    const inputs = Array.from({ length: BATCH }, (_, index) =>
      input(`r${round}-b${batch}-${index}`, Math.floor(random() * 60), random() < 0.1),
    );
    for (const each of inputs) sent.set(each.taskId ?? '', each);
    for (const taskId of await server.submit(inputs)) acknowledged.add(taskId);
  }
}

function rememberEnds(directory: string, ended: Map<string, StoredCommand>): void {
  for (const row of readCommands(directory)) {
    if (isOpen(row) || ended.has(row.task_id)) continue;
    ended.set(row.task_id, row);
  }
}

/** Nothing acknowledged is missing, and what had ended before a crash is as it was. */
function checkAll(
  directory: string,
  acknowledged: ReadonlySet<string>,
  ended: ReadonlyMap<string, StoredCommand>,
): void {
  const rows = new Map(readCommands(directory).map((row) => [row.task_id, row]));
  assert.ok(acknowledged.size > 0, 'something was acknowledged');
  for (const taskId of acknowledged) assert.ok(rows.has(taskId), `${taskId} was acknowledged and is lost`);
  for (const row of rows.values()) {
    assert.equal(row.run, 1, `${row.task_id} ran more than once`);
    assert.ok(['SUCCESS', 'FAILURE'].includes(row.status), `${row.task_id} is ${row.status}`);
  }
  for (const [taskId, row] of ended) assert.deepEqual(rows.get(taskId), row, `${taskId} changed after its end`);
}

function isOpen({ finished_at: finishedAt }: StoredCommand): boolean {
  return finishedAt === null;
}
