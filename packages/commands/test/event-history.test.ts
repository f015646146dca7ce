import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { CommandStatus } from '@millrace/kit';
import fc from 'fast-check';
import { historyOf } from '../src/event-history.ts';
import type { HistoryRow } from '../src/sql/read-events.ts';

type Kept = Pick<HistoryRow, 'a_run' | 'a_attempt' | 'a_outcome' | 'a_queued_at' | 'a_started_at' | 'a_ended_at'>;

const ACTS = ['claim', 'return', 'retry', 'crash', 'succeed', 'fail', 'cancel', 'expire', 'reopen'] as const;
type Act = (typeof ACTS)[number];

/** What the statements of the room do to a command's row and its attempts, in small. */
class StoredCommand {
  status: CommandStatus = 'QUEUED';
  run = 1;
  attempts = 0;
  queuedAt = 0;
  startedAt: number | null = null;
  finishedAt: number | null = null;
  now = 0;
  readonly kept: Kept[] = [];

  /** @returns the name of the event that it makes, if it may happen now */
  act(act: Act): string | undefined {
    this.now += 1;
    const isWaiting = this.status === 'QUEUED' || this.status === 'RETRYING';
    const isRunning = this.status === 'RUNNING';
    if (act === 'claim' && isWaiting) return this.#claim();
    if (act === 'return' && isRunning) return this.#return();
    if ((act === 'retry' || act === 'crash') && isRunning) return this.#goOn(act === 'crash' ? 'crashed' : 'failed');
    if (act === 'succeed' && isRunning) return this.#end('SUCCESS', 'succeeded');
    if (act === 'fail' && isRunning) return this.#end('FAILURE', 'failed');
    if (act === 'cancel' && (isWaiting || isRunning)) return this.#end('CANCELLED', 'cancelled');
    if (act === 'expire' && isWaiting) return this.#end('EXPIRED', 'expired');
    if (act === 'reopen' && this.finishedAt !== null && this.status !== 'SUCCESS') return this.#reopen();
    return undefined;
  }

  rows(): readonly [HistoryRow, ...HistoryRow[]] {
    const { status, run, attempts, queuedAt, startedAt, finishedAt } = this;
    const row = {
      ...{ taskId: 'a', taskType: 't', status, run, attempts, queuedAt, startedAt, finishedAt },
      error: null,
    };
    const none = {
      a_run: null,
      a_attempt: null,
      a_outcome: null,
      a_queued_at: null,
      a_started_at: null,
      a_ended_at: null,
    };
    const rows = (this.kept.length === 0 ? [none] : this.kept).map((kept) => ({
      ...{ ...row, ...kept },
      ...{ a_next_at: null, a_error: null },
    }));
    return rows as unknown as readonly [HistoryRow, ...HistoryRow[]];
  }

  #claim() {
    this.status = 'RUNNING';
    this.attempts += 1;
    this.startedAt = this.now;
    return `started ${this.attempts}`;
  }

  #return() {
    this.attempts -= 1;
    this.status = this.attempts === 0 ? 'QUEUED' : 'RETRYING';
    return 'returned';
  }

  #goOn(outcome: string) {
    this.#keep(outcome);
    this.status = 'RETRYING';
    return `retrying ${this.attempts}`;
  }

  #end(status: CommandStatus, name: string) {
    this.status = status;
    this.finishedAt = this.now;
    return `${name} ${this.attempts}`;
  }

  #reopen() {
    this.#keep(this.status.toLowerCase());
    Object.assign(this, { status: 'QUEUED', run: this.run + 1, attempts: 0, startedAt: null, finishedAt: null });
    this.queuedAt = this.now;
    return 'queued 0';
  }

  #keep(a_outcome: string) {
    const { run: a_run, attempts: a_attempt, queuedAt: a_queued_at, startedAt: a_started_at, now: a_ended_at } = this;
    this.kept.push({ a_run, a_attempt, a_outcome, a_queued_at, a_started_at, a_ended_at });
  }
}

it('derives every event that happened, with an id that never changes, whatever happens to a command', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...ACTS), { maxLength: 60 }), (acts) => {
      const command = new StoredCommand();
      const happened = ['queued 0'];
      const sent = new Map<number, string>();
      for (const act of ['none' as Act, ...acts]) {
        const name = command.act(act);
        if (name === 'returned') happened.pop();
        else if (name !== undefined) happened.push(name);
        const { events, ordinalMax } = historyOf(command.rows());
        const names = events.map(({ event }) => `${event.type.slice('command.'.length)} ${event.attempt}`);
        assert.deepEqual(names, happened);
        for (const [index, { ordinal }] of events.entries()) {
          assert.ok(ordinal > (events[index - 1]?.ordinal ?? 0) && ordinal <= ordinalMax);
          assert.equal(sent.get(ordinal) ?? names[index], names[index]);
          sent.set(ordinal, names[index] as string);
        }
        // Whoever has been sent all of it so far is never left without what comes next.
        assert.ok(Math.max(...sent.keys()) <= ordinalMax);
      }
    }),
    { numRuns: 300 },
  );
});
