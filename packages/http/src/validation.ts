import type { AppError } from '@millrace/kit';
import type { FastifySchemaCompiler } from 'fastify';
import type { FastifySchemaValidationError } from 'fastify/types/schema.js';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';
import { fail } from './errors.ts';

/** At most this many faults are listed in an answer. */
const ISSUES_MAX = 8;

/** One fault of a request. */
export interface ValidationIssue {
  /** JSON pointer into the part of the request that is at fault. */
  readonly pointer: string;
  readonly reason: string;
}

/**
 * Checks requests by compiled TypeBox schemas. Bodies are taken as they are; text from the path and the query is
 * converted to the schema's types and gets its defaults, but only when it does not fit as it stands.
 */
export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const check = Compile(schema);
  const hasDefaults = JSON.stringify(schema).includes('"default":');
  const isText = httpPart !== 'body';
  const needsConversion = isText && hasDefaults;
  return (value: unknown) => {
    if (!needsConversion && check.Check(value)) return true;
    const converted: unknown = isText ? Value.Convert(schema, Value.Default(schema, value)) : value;
    if (check.Check(converted)) return { value: converted };
    return { error: check.Errors(converted) as unknown as FastifySchemaValidationError[] };
  };
};

/** Turns the faults that a schema found into the error that the caller gets. */
export function toValidationError(faults: readonly FastifySchemaValidationError[], part: string): AppError {
  const issues = faults.slice(0, ISSUES_MAX).map(toIssue);
  const first = mostSpecific(issues);
  return fail('VALIDATION_ERROR', {
    details: { in: part, pointer: first.pointer, reason: reasonOf(first), issues },
  });
}

/** The deepest fault says most: the members of a union come with faults of their own. */
function mostSpecific(issues: readonly ValidationIssue[]): ValidationIssue {
  const depth = (issue: ValidationIssue) => issue.pointer.split('/').length;
  return issues.reduce((best, issue) => (depth(issue) > depth(best) ? issue : best), issues[0] ?? UNKNOWN_ISSUE);
}

const UNKNOWN_ISSUE: ValidationIssue = { pointer: '', reason: 'does not fit the schema' };

function reasonOf(issue: ValidationIssue): string {
  return issue.pointer === '' ? issue.reason : `${issue.pointer} ${issue.reason}`;
}

function toIssue(fault: FastifySchemaValidationError): ValidationIssue {
  const missing = firstName(fault.params.requiredProperties) ?? firstName(fault.params.missingProperty);
  if (missing !== undefined)
    return { pointer: `${fault.instancePath}/${escapePointer(missing)}`, reason: 'is required' };
  const extra = firstName(fault.params.additionalProperties);
  if (extra !== undefined)
    return { pointer: `${fault.instancePath}/${escapePointer(extra)}`, reason: 'is not a known field' };
  // What TypeBox says of a field that `additionalProperties: false` leaves no room for.
  const isUnknownField = fault.message === 'schema is false';
  const reason = isUnknownField ? 'is not a known field' : (fault.message ?? UNKNOWN_ISSUE.reason);
  return { pointer: fault.instancePath, reason };
}

function firstName(value: unknown): string | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return typeof first === 'string' ? first : undefined;
}

/** RFC 6901 §3. */
function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
