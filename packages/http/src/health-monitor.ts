import { availableParallelism, totalmem } from 'node:os';
import { type Clock, messageOf, sleep } from '@millrace/kit';

/** A check that takes longer is down. */
export const HEALTH_CHECK_TIMEOUT_MS = 5_000;
/** Answers younger than this are given again, so that many probes cost one round of checks. */
export const HEALTH_CACHE_MS = 1_000;
const BYTES_PER_MIB = 1024 * 1024;
const MEMORY_WARNING_PERCENT = 80;
const MEMORY_DOWN_PERCENT = 95;

export type HealthStatus = 'up' | 'down' | 'degraded';

export interface HealthCheckResult {
  readonly status: HealthStatus;
  /** Milliseconds. Default: what the check took. */
  readonly responseTime?: number;
  readonly error?: string;
  /** Shown by `/health/detailed` only. */
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface HealthCheck {
  /** Name in the answer: `database`, `kafka`. */
  readonly name: string;
  /** Whether the process is of no use without it. Default true; a failing optional check only degrades. */
  readonly required?: boolean;
  check(signal: AbortSignal): Promise<HealthCheckResult>;
}

export type CheckedHealth = HealthCheckResult & { readonly responseTime: number };

export interface HealthReport {
  readonly status: 'ok' | 'degraded' | 'error';
  readonly checks: Readonly<Record<string, CheckedHealth>>;
}

export interface MemoryHealth {
  /** MiB resident. */
  readonly used: number;
  /** MiB that the process may use: its container's limit or the machine's memory. */
  readonly total: number;
  readonly percentage: number;
  readonly status: 'up' | 'warning' | 'down';
}

/** Runs the health checks, all at once and each for a limited time. */
export class HealthMonitor {
  readonly #checks: readonly HealthCheck[];
  readonly #clock: Clock;
  #latest: { readonly report: Promise<HealthReport>; readonly at: number } | undefined;

  constructor(checks: readonly HealthCheck[], clock: Clock) {
    this.#checks = checks;
    this.#clock = clock;
  }

  report(): Promise<HealthReport> {
    const now = this.#clock.monotonic();
    if (this.#latest === undefined || now - this.#latest.at >= HEALTH_CACHE_MS) {
      this.#latest = { report: this.#runAll(), at: now };
    }
    return this.#latest.report;
  }

  async #runAll(): Promise<HealthReport> {
    const results = await Promise.all(this.#checks.map((check) => this.#run(check)));
    const checks: Record<string, CheckedHealth> = {};
    let status: HealthReport['status'] = 'ok';
    for (const [index, result] of results.entries()) {
      const check = this.#checks[index];
      if (check === undefined) continue;
      checks[check.name] = result;
      if (result.status === 'down' && check.required !== false) status = 'error';
      else if (result.status !== 'up' && status === 'ok') status = 'degraded';
    }
    return { status, checks };
  }

  async #run(check: HealthCheck): Promise<CheckedHealth> {
    const startedAt = this.#clock.monotonic();
    const abort = new AbortController();
    const timeout = sleep(this.#clock, HEALTH_CHECK_TIMEOUT_MS, abort.signal).then(
      (): HealthCheckResult => ({ status: 'down', error: `no answer within ${HEALTH_CHECK_TIMEOUT_MS} ms` }),
    );
    const checked = Promise.resolve()
      .then(() => check.check(abort.signal))
      .catch((error: unknown): HealthCheckResult => ({ status: 'down', error: messageOf(error) }));
    const result = await Promise.race([checked, timeout]);
    abort.abort();
    return { responseTime: Math.round(this.#clock.monotonic() - startedAt), ...result };
  }
}

/** Memory of the process against what it may use. */
export function memoryHealth(): MemoryHealth {
  const constrained = process.constrainedMemory();
  const machine = totalmem();
  const totalBytes = constrained > 0 && constrained < machine ? constrained : machine;
  const usedBytes = process.memoryUsage.rss();
  const percentage = Math.round((usedBytes / totalBytes) * 1_000) / 10;
  const status = percentage >= MEMORY_DOWN_PERCENT ? 'down' : percentage >= MEMORY_WARNING_PERCENT ? 'warning' : 'up';
  return { used: toMib(usedBytes), total: toMib(totalBytes), percentage, status };
}

/** Facts about the process that help an operator. */
export function processFacts(): Readonly<Record<string, unknown>> {
  return { nodeVersion: process.version, pid: process.pid, cpus: availableParallelism() };
}

function toMib(bytes: number): number {
  return Math.round(bytes / BYTES_PER_MIB);
}
