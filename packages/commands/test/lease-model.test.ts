import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryStore, type Store } from '@millrace/engines/store';
import { defineCommand, isTerminal, partial, RetryAfter, Unrecoverable } from '@millrace/kit';
import { shortOrLong } from '@millrace/testkit';
import fc from 'fast-check';
import { endOf, type HandlerOutcome } from '../src/attempt-end.ts';
import { type CommandRow, type LeasedCommand, leasedOnArrival, mayBecome } from '../src/command.ts';
import { commandsSchema } from '../src/schema.ts';
import { cancelCommand, redriveDeadLetters, removeCommand, retryCommand } from '../src/sql/control-procedures.ts';
import { type Arrived, type Departure, departTrain } from '../src/sql/depart-train.ts';
import type { DepthChange } from '../src/sql/depth-count.ts';
import { openRoom, renewLease, rescueLeases } from '../src/sql/lease-procedures.ts';
import { surveyLeases } from '../src/sql/survey-leases.ts';
import { newCommand, parseSubmission } from '../src/submission.ts';
import { resolveTaskType } from '../src/task-type.ts';
import { LeaseModel, MAX_ATTEMPTS, type ModelOutcome, RETRY_AFTER_MS, RETRY_DELAY_MS } from './lease-model.ts';

const LEASE_MS = 1_000;
const TYPE = resolveTaskType(
  defineCommand({
    type: 'model',
    retries: { maxAttempts: MAX_ATTEMPTS, initialDelayMs: RETRY_DELAY_MS, maxDelayMs: RETRY_DELAY_MS },
    handler: () => null,
  }),
);

const task = fc.constantFrom('a', 'b', 'c', 'd');
const worker = fc.nat(2);
const outcomes: readonly ModelOutcome[] = ['success', 'partial', 'throw', 'final', 'later', 'unstarted', 'timeout'];
const act = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('submit'),
      task,
      worker,
      claim: fc.boolean(),
      delay: fc.constantFrom(0, 0, 50, 400),
      ttl: fc.constantFrom(0, 0, 0, 300),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('claim'), worker }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('end'), which: fc.nat(100), outcome: fc.constantFrom(...outcomes) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pass'), ms: fc.constantFrom(1, 60, 600, 1_100) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('beat'), worker }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('rescue'), worker }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('promote') }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel'), task }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('retry'), task }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove'), task }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('redrive') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('survey'), worker, knows: fc.nat(7) }) },
);
type Act = Record<string, never> & {
  kind: string;
  task: string;
  worker: number;
  claim: boolean;
  delay: number;
  ttl: number;
  which: number;
  outcome: ModelOutcome;
  ms: number;
  knows: number;
};

test('every act on a command does what the model of the lease state machine says, whoever does it and however late', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 60 }), async (acts) => {
      await using store = createMemoryStore({ schemas: [commandsSchema] });
      await store.start();
      const bench = new Bench(store);
      await bench.openAll();
      for (const each of acts) await bench.perform(each as unknown as Act);
    }),
    { numRuns: shortOrLong(800, 20_000) },
  );
});

/** Does the same to the model and to the tables, and compares. */
class Bench {
  readonly #store: Store;
  readonly #model = new LeaseModel(1_000_000);
  readonly #leases: LeasedCommand[] = [];
  readonly #workers: number[] = [];
  readonly #depth = { ready: 0, waiting: 0 };
  #rows = new Map<string, CommandRow>();
  #lastId = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  async openAll(): Promise<void> {
    for (const name of ['w0', 'w1', 'w2']) {
      const leaseUntil = this.#model.now + LEASE_MS;
      const { worker: number } = await this.#store.write(openRoom, { now: this.#model.now, name, leaseUntil });
      this.#workers.push(number);
      this.#model.workers.set(number, leaseUntil);
    }
  }

  async perform(given: Act): Promise<void> {
    const perform = {
      submit: () => this.#submit(given),
      claim: () => this.#claim(given),
      end: () => this.#end(given),
      pass: () => this.#pass(given),
      beat: () => this.#beat(given),
      rescue: () => this.#rescue(given),
      promote: () => this.#promote(),
      cancel: () => this.#control(given, 'cancel'),
      retry: () => this.#control(given, 'retry'),
      remove: () => this.#control(given, 'remove'),
      redrive: () => this.#redrive(),
      survey: () => this.#survey(given),
    }[given.kind];
    await perform?.();
    await this.#compare();
  }

  async #submit({ task: taskId, worker: index, claim, delay, ttl }: Act): Promise<void> {
    const { now } = this.#model;
    const expiresAt = ttl === 0 ? null : now + ttl;
    const isClaimed = claim && delay === 0;
    const submission = { ...parseSubmission({ taskType: 'model' }, now), dueAt: now + delay, expiresAt };
    const command = newCommand(submission, {
      ...{ id: ++this.#lastId, taskId, createdAt: now, timeoutMs: 1_000, trace: null },
    });
    const number = this.#number(index);
    const { duplicates } = await this.#depart({ worker: number, arrivals: [{ command, claim: isClaimed }] });
    const isNew = this.#model.submit(
      { id: command.id, taskId, dueAt: command.dueAt, expiresAt },
      isClaimed ? number : null,
    );
    assert.equal(duplicates.length === 0, isNew);
    if (isNew && isClaimed) this.#leases.push(leasedOnArrival(command));
  }

  async #claim({ worker: index }: Act): Promise<void> {
    const number = this.#number(index);
    const request = { taskType: 'model', limit: 10, perKey: 10, room: [], after: '', suspects: true };
    const { claims } = await this.#depart({ worker: number, claims: [request] });
    const expected = this.#model.claim(number);
    const claimed = claims[0]!;
    assert.deepEqual(claimed.expired.map(({ taskId }) => taskId).sort(), expected.expired.sort());
    assert.deepEqual(claimed.commands.map(({ taskId }) => taskId).sort(), expected.leased.sort());
    this.#leases.push(...claimed.commands);
  }

  /** Any lease that was ever granted may end, once more too. */
  async #end({ which, outcome }: Act): Promise<void> {
    const lease = this.#leases[which % Math.max(1, this.#leases.length)];
    if (lease === undefined) return;
    const { now } = this.#model;
    const context = { type: TYPE, now, startedAt: now, durationMs: 1, random: () => 1, resultCharactersMax: 1_000 };
    const { refused } = await this.#depart({
      worker: this.#number(0),
      ended: [endOf(lease, outcomeOf(outcome), context)],
    });
    assert.equal(
      refused.length === 0,
      this.#model.end(lease, outcome),
      `${outcome} of lease ${lease.lease} of ${lease.taskId}`,
    );
  }

  async #pass({ ms }: Act): Promise<void> {
    this.#model.now += ms;
  }

  async #beat({ worker: index }: Act): Promise<void> {
    const number = this.#number(index);
    const leaseUntil = this.#model.now + LEASE_MS;
    const isHeld = await this.#store.write(renewLease, { worker: number, leaseUntil });
    assert.equal(isHeld, this.#model.workers.has(number));
    if (isHeld) this.#model.workers.set(number, leaseUntil);
  }

  async #rescue({ worker: index }: Act): Promise<void> {
    const number = this.#number(index);
    const args = { now: this.#model.now, worker: number, alone: false, poisonError: '{}' };
    const { count, depth } = await this.#store.write(rescueLeases, args);
    this.#count(depth);
    assert.equal(count, this.#model.rescue(number));
  }

  async #promote(): Promise<void> {
    await this.#depart({ worker: this.#number(0), promote: true });
    this.#model.promote();
  }

  async #control({ task: taskId }: Act, verb: 'cancel' | 'retry' | 'remove'): Promise<void> {
    const procedure = { cancel: cancelCommand, retry: retryCommand, remove: removeCommand }[verb];
    const { changed, depth } = await this.#store.write(procedure, { now: this.#model.now, taskId });
    this.#count(depth);
    const model = this.#model;
    const expected = {
      cancel: () => model.cancel(taskId),
      retry: () => model.reopen(taskId),
      remove: () => model.remove(taskId),
    };
    assert.equal(changed === 1, expected[verb](), `${verb} of ${taskId}`);
  }

  async #redrive(): Promise<void> {
    const { now } = this.#model;
    const all = { now, taskType: null, errorCode: null, finishedFrom: 0, finishedTo: now + 1, limit: 100 };
    const { changed, depth } = await this.#store.write(redriveDeadLetters, all);
    this.#count(depth);
    assert.equal(changed, this.#model.redrive().length);
  }

  async #survey({ worker: index, knows }: Act): Promise<void> {
    const number = this.#number(index);
    const isKnown = ({ id }: { id: number }) => ((knows >> (id % 3)) & 1) === 1;
    const known = this.#leases.filter(isKnown).map(({ id, lease }) => [id, lease] as const);
    const { depth } = await this.#store.write(surveyLeases, { now: this.#model.now, worker: number, known });
    this.#model.survey(number, isKnown);
    this.#depth.ready = depth.reduce((sum, [, ready]) => sum + ready, 0);
    this.#depth.waiting = depth.reduce((sum, [, , waiting]) => sum + waiting, 0);
  }

  async #depart(part: Partial<Departure>): Promise<Arrived> {
    const arrived = await this.#store.write(departTrain, {
      ...{ now: this.#model.now, worker: 0, ended: [], arrivals: [], claims: [], limitedTypes: [], promote: false },
      ...part,
    });
    this.#count(arrived.depth);
    return arrived;
  }

  #number(index: number): number {
    return this.#workers[index] as number;
  }

  #count(changes: readonly DepthChange[]): void {
    for (const [, ready, waiting] of changes) {
      this.#depth.ready += ready;
      this.#depth.waiting += waiting;
    }
  }

  async #compare(): Promise<void> {
    const rows = await this.#store.query<CommandRow>('SELECT * FROM commands ORDER BY id');
    const expected = [...this.#model.commands.values()].sort((a, b) => a.id - b.id);
    assert.deepEqual(rows.map(shown), expected.map(shown));
    for (const row of rows) this.#checkStep(row);
    this.#rows = new Map(rows.map((row) => [row.task_id, row]));
    assert.equal(this.#depth.ready, rows.filter(({ ready }) => ready === 1).length, 'the depth is counted exactly');
    assert.equal(this.#depth.waiting, rows.filter(({ ready }) => ready === 0).length, 'so is what waits for its time');
  }

  /** What holds of any two looks at a row, whatever the model says. */
  #checkStep(row: CommandRow): void {
    const before = this.#rows.get(row.task_id);
    assert.equal(row.finished_at !== null, isTerminal(row.status));
    assert.equal(row.lease_owner !== null, row.status === 'RUNNING');
    if (before?.id !== row.id) return;
    assert.ok(row.lease >= before.lease, 'a lease number never goes back');
    if (row.status !== before.status)
      assert.ok(mayBecome(before.status, row.status), `${before.status} → ${row.status}`);
    if (row.run === before.run && isTerminal(before.status))
      assert.deepEqual(row, before, 'an ended run stays as it is');
  }
}

type Shown = Pick<
  CommandRow,
  'task_id' | 'status' | 'ready' | 'run' | 'attempts' | 'failures' | 'crashes' | 'lease' | 'lease_owner'
>;

function shown({ task_id, status, ready, run, attempts, failures, crashes, lease, lease_owner }: Shown): Shown {
  return { task_id, status, ready, run, attempts, failures, crashes, lease, lease_owner };
}

function outcomeOf(outcome: ModelOutcome): HandlerOutcome {
  switch (outcome) {
    case 'success':
      return { kind: 'returned', value: 1 };
    case 'partial':
      return { kind: 'returned', value: partial(1, 'half') };
    case 'throw':
      return { kind: 'threw', error: new Error('failed') };
    case 'final':
      return { kind: 'threw', error: new Unrecoverable('failed') };
    case 'later':
      return { kind: 'threw', error: new RetryAfter(RETRY_AFTER_MS) };
    case 'unstarted':
      return { kind: 'unstarted' };
    case 'timeout':
      return { kind: 'timeout' };
  }
}
