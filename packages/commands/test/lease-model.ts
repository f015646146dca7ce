import type { CommandStatus } from '@millrace/kit';
import { CRASHES_MAX, HEAD_START_MS, SUSPECT_CRASHES } from '../src/command.ts';

/** What the model knows of a command; the names are the columns of the table. */
export interface ModelCommand {
  readonly id: number;
  readonly task_id: string;
  status: CommandStatus;
  ready: 0 | 1 | null;
  run: number;
  attempts: number;
  failures: number;
  crashes: number;
  lease: number;
  lease_owner: number | null;
  due_at: number;
  order_at: number;
  expires_at: number | null;
}

export type ModelOutcome = 'success' | 'partial' | 'throw' | 'final' | 'later' | 'unstarted' | 'timeout';

/** A lease as it was granted; it may be stale by now. */
export interface ModelLease {
  readonly id: number;
  readonly taskId: string;
  readonly lease: number;
  readonly attempt: number;
  readonly failures: number;
}

export const MAX_ATTEMPTS = 3;
export const RETRY_AFTER_MS = 500;
/** With no jitter and a constant ceiling the model knows the delay. */
export const RETRY_DELAY_MS = 100;

/** The lease state machine, written from its description: what every act makes of every command. */
export class LeaseModel {
  readonly commands = new Map<string, ModelCommand>();
  readonly workers = new Map<number, number>();
  now: number;

  constructor(now: number) {
    this.now = now;
  }

  submit(
    given: { id: number; taskId: string; dueAt: number; expiresAt: number | null },
    claimedBy: number | null,
  ): boolean {
    if (this.commands.has(given.taskId)) return false;
    const isDue = given.dueAt <= this.now;
    this.commands.set(given.taskId, {
      id: given.id,
      task_id: given.taskId,
      status: claimedBy !== null ? 'RUNNING' : isDue ? 'QUEUED' : 'SCHEDULED',
      ready: claimedBy !== null ? null : isDue ? 1 : 0,
      run: 1,
      attempts: claimedBy === null ? 0 : 1,
      failures: 0,
      crashes: 0,
      lease: claimedBy === null ? 0 : 1,
      lease_owner: claimedBy,
      due_at: given.dueAt,
      order_at: given.dueAt - HEAD_START_MS.normal,
      expires_at: given.expiresAt,
    });
    return true;
  }

  /** What a claim without limits must lease, in order, and what it must expire. */
  claim(worker: number): { leased: string[]; expired: string[] } {
    const candidates = [...this.commands.values()].filter(({ ready }) => ready === 1);
    candidates.sort((a, b) => a.order_at - b.order_at || a.id - b.id);
    const leased: string[] = [];
    const expired: string[] = [];
    let suspectsLeft = 1;
    for (const command of candidates) {
      if (command.expires_at !== null && command.expires_at <= this.now) {
        Object.assign(command, { status: 'EXPIRED', ready: null });
        expired.push(command.task_id);
        continue;
      }
      if (command.crashes >= SUSPECT_CRASHES && suspectsLeft-- <= 0) continue;
      const { lease, attempts } = command;
      Object.assign(command, { status: 'RUNNING', ready: null, lease: lease + 1, lease_owner: worker });
      command.attempts = attempts + 1;
      leased.push(command.task_id);
    }
    return { leased, expired };
  }

  /** @returns whether the end counts */
  end({ taskId, id, lease, attempt, failures }: ModelLease, outcome: ModelOutcome): boolean {
    const command = this.commands.get(taskId);
    if (command?.id !== id || command.status !== 'RUNNING' || command.lease !== lease) return false;
    command.lease_owner = null;
    if (outcome === 'success' || outcome === 'partial') {
      return this.#set(command, outcome === 'success' ? 'SUCCESS' : 'PARTIAL_SUCCESS', null);
    }
    if (outcome === 'unstarted') {
      command.attempts -= 1;
      return this.#goOn(command, attempt === 1 ? 'QUEUED' : 'RETRYING', 0);
    }
    if (outcome === 'later') return this.#goOn(command, 'RETRYING', RETRY_AFTER_MS);
    command.failures = failures + 1;
    if (outcome === 'final' || command.failures >= MAX_ATTEMPTS) return this.#set(command, 'FAILURE', null);
    return this.#goOn(command, 'RETRYING', RETRY_DELAY_MS);
  }

  promote(): void {
    for (const command of this.commands.values()) {
      if (command.ready !== 0 || command.due_at > this.now) continue;
      command.ready = 1;
      if (command.status === 'SCHEDULED') command.status = 'QUEUED';
    }
  }

  cancel(taskId: string): boolean {
    const command = this.commands.get(taskId);
    if (command === undefined || isOver(command)) return false;
    command.lease += 1;
    command.lease_owner = null;
    return this.#set(command, 'CANCELLED', null);
  }

  reopen(taskId: string): boolean {
    const command = this.commands.get(taskId);
    if (command === undefined || !isOver(command) || command.status === 'SUCCESS') return false;
    const next = { run: command.run + 1, attempts: 0, failures: 0, crashes: 0, expires_at: null };
    Object.assign(command, next, { due_at: this.now, order_at: this.now - HEAD_START_MS.normal });
    return this.#set(command, 'QUEUED', 1);
  }

  redrive(): string[] {
    const dead = [...this.commands.values()].filter(({ status }) => status === 'FAILURE');
    for (const { task_id: taskId } of dead) this.reopen(taskId);
    return dead.map(({ task_id: taskId }) => taskId);
  }

  remove(taskId: string): boolean {
    const command = this.commands.get(taskId);
    return command !== undefined && isOver(command) && this.commands.delete(taskId);
  }

  /** @returns how many leases were taken over */
  rescue(worker: number): number {
    const isDead = (owner: number) => owner !== worker && (this.workers.get(owner) ?? 0) <= this.now;
    let count = 0;
    for (const command of this.commands.values()) {
      if (command.lease_owner === null || !isDead(command.lease_owner)) continue;
      count += 1;
      command.lease_owner = null;
      command.crashes += 1;
      if (command.crashes >= CRASHES_MAX) this.#set(command, 'FAILURE', null);
      else this.#goOn(command, 'RETRYING', 0);
    }
    for (const owner of [...this.workers.keys()]) if (isDead(owner)) this.workers.delete(owner);
    return count;
  }

  /** Leases of a worker that it does not know of go back as if they had never been granted. */
  survey(worker: number, isKnown: (command: ModelCommand) => boolean): void {
    for (const command of this.commands.values()) {
      if (command.lease_owner !== worker || isKnown(command)) continue;
      command.lease_owner = null;
      command.status = command.attempts === 1 ? 'QUEUED' : 'RETRYING';
      command.ready = 1;
      command.attempts -= 1;
    }
  }

  #goOn(command: ModelCommand, status: 'QUEUED' | 'RETRYING', delayMs: number): boolean {
    command.due_at = this.now + delayMs;
    command.order_at = command.due_at - HEAD_START_MS.normal;
    return this.#set(command, status, delayMs === 0 ? 1 : 0);
  }

  #set(command: ModelCommand, status: CommandStatus, ready: 0 | 1 | null): boolean {
    command.status = status;
    command.ready = ready;
    return true;
  }
}

function isOver({ status }: ModelCommand): boolean {
  return !['QUEUED', 'SCHEDULED', 'RUNNING', 'RETRYING'].includes(status);
}
