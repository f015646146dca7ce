import { context, ROOT_CONTEXT, type SpanContext, TraceFlags, trace } from '@opentelemetry/api';

/** W3C Trace Context level 1: version, trace id, parent id, flags; later versions may carry more. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const INVALID_VERSION = 'ff';
const VERSION = '00';

/**
 * Reads a W3C `traceparent` strictly.
 *
 * @returns `undefined` for anything that the specification says to ignore
 */
export function parseTraceparent(traceparent: string): SpanContext | undefined {
  const [, version, traceId, spanId, flags, more] = TRACEPARENT.exec(traceparent) ?? [];
  if (version === undefined || traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  if (version === INVALID_VERSION || (version === VERSION && more !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  // Of the flags only `sampled` is defined; the others must be dropped.
  const traceFlags = Number.parseInt(flags, 16) & TraceFlags.SAMPLED;
  return { traceId, spanId, traceFlags, isRemote: true };
}

/**
 * Runs `run` with the caller's span as the active one, so that spans and calls of an instrumented handler join its
 * trace, after an await too.
 *
 * Which context manager keeps it there is the program's choice, made by its OpenTelemetry SDK; a library must not
 * register one. Without an SDK nothing could read it, and nothing is done.
 */
export function runInTrace<TResult>(traceparent: string | null, run: () => TResult): TResult {
  const span = traceparent === null ? undefined : parseTraceparent(traceparent);
  if (span !== undefined) return context.with(trace.setSpanContext(ROOT_CONTEXT, span), run);
  // Commands are started in the wake of others: without this they would run in the trace of those.
  return context.active() === ROOT_CONTEXT ? run() : context.with(ROOT_CONTEXT, run);
}

/** The `traceparent` of the active span, to be stored with what is submitted in it; `undefined` outside of any. */
export function activeTrace(): string | undefined {
  const span = trace.getSpanContext(context.active());
  if (span === undefined || !trace.isSpanContextValid(span)) return undefined;
  return `${VERSION}-${span.traceId}-${span.spanId}-${span.traceFlags.toString(16).padStart(2, '0')}`;
}
