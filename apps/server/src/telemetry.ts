import { type CommandMetrics, createCommandMetrics } from '@millrace/commands';
import type { Store } from '@millrace/engines/store';
import { createMetrics, type HttpOptions } from '@millrace/http';

/** What the rooms report to, and the registry that `/metrics` shows. */
export interface Telemetry extends Pick<CommandMetrics, 'observer' | 'observe' | 'onCommit'>, Disposable {
  readonly registry: HttpOptions['registry'];
}

export function createTelemetry(): Telemetry {
  const metrics = createMetrics();
  const { registry } = metrics;
  return { registry, ...createCommandMetrics(registry), [Symbol.dispose]: () => metrics[Symbol.dispose]() };
}

/** What `/health` says of the store. */
export function storeHealth(store: Store) {
  return {
    name: 'database',
    async check() {
      await store.lookup('SELECT 1');
      const { lastError, pendingCalls } = store.stats();
      const details = { pendingWrites: pendingCalls, freeBytes: await store.freeBytes() };
      return lastError === undefined
        ? { status: 'up' as const, details }
        : { status: 'down' as const, error: 'The last write failed; see the log.', details };
    },
  };
}
