import { createRequire } from 'node:module';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { TSchema } from 'typebox';
import type * as TypeBoxCompile from 'typebox/compile';
import type { TLocalizedValidationError } from 'typebox/error';
import { messageOf } from './app-error.ts';
import type { ValueOf, ValueSchema } from './define-command.ts';

/** A value that fits, as the schema gives it back, or where and why it does not. */
export type SchemaResult<TValue> =
  | { readonly ok: true; readonly value: TValue }
  | {
      readonly ok: false;
      /** JSON pointer (RFC 6901) of the first fault: `/items/0/name`; empty for the value itself. */
      readonly pointer: string;
      readonly message: string;
    };

/** Checks a value. A promise only when the schema itself is asynchronous (a refinement that awaits). */
export type SchemaCheck<TValue> = (value: unknown) => SchemaResult<TValue> | Promise<SchemaResult<TValue>>;

/**
 * Makes the check of a schema. TypeBox schemas (any JSON Schema) are compiled to code at their first value and then
 * cost well under a microsecond for small ones; a Standard Schema (zod, valibot, arktype) is called as it is, with its
 * defaults and transformations. A schema that throws refuses the value.
 */
export function compileSchema<TSchemaType extends ValueSchema>(schema: TSchemaType): SchemaCheck<ValueOf<TSchemaType>> {
  const check = isStandardSchema(schema) ? standardCheck(schema) : typeBoxCheck(schema);
  return check as SchemaCheck<ValueOf<TSchemaType>>;
}

function isStandardSchema(schema: ValueSchema): schema is StandardSchemaV1 {
  return '~standard' in schema;
}

/** One segment of a JSON pointer, escaped. */
function pointerSegment(key: PropertyKey): string {
  return `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

function standardCheck(schema: StandardSchemaV1): SchemaCheck<unknown> {
  const { validate } = schema['~standard'];
  return (value) => {
    try {
      const result = validate(value);
      return result instanceof Promise ? result.then(fromStandard, fromThrown) : fromStandard(result);
    } catch (error) {
      return fromThrown(error);
    }
  };
}

function fromStandard(result: StandardSchemaV1.Result<unknown>): SchemaResult<unknown> {
  if (result.issues === undefined) return { ok: true, value: result.value };
  const issue = result.issues[0];
  // Not `path.map`: arktype's paths are arrays of a class whose `map` adds an element.
  const segments = Array.from(issue?.path ?? [], (part) => pointerSegment(typeof part === 'object' ? part.key : part));
  return { ok: false, pointer: segments.join(''), message: issue?.message ?? 'does not fit' };
}

function fromThrown(error: unknown): SchemaResult<unknown> {
  return { ok: false, pointer: '', message: messageOf(error) };
}

function typeBoxCheck(schema: TSchema): SchemaCheck<unknown> {
  let validator: ReturnType<typeof TypeBoxCompile.Compile> | undefined;
  return (value) => {
    validator ??= loadCompiler().Compile(schema);
    if (validator.Check(value)) return { ok: true, value };
    const errors = validator.Errors(value);
    const error = firstFault(errors);
    if (error === undefined) return { ok: false, pointer: '', message: 'does not fit the schema' };
    return { ok: false, pointer: pointerOf(error), message: messageFor(error, errors) };
  };
}

/**
 * Loading the compiler takes tens of ms and several MB, so programs that check nothing here do not pay for it; Node keeps
 * it after the first time.
 */
function loadCompiler(): typeof TypeBoxCompile {
  return createRequire(import.meta.url)('typebox/compile') as typeof TypeBoxCompile;
}

/**
 * The error to show. Errors come in the order of the schema, except that a union reports every branch: there it is
 * the fault of the one branch whose constants fit (a discriminated union), else the union's own.
 */
function firstFault(errors: readonly TLocalizedValidationError[]): TLocalizedValidationError | undefined {
  const first = errors[0];
  const union = first && errors.find((error) => isUnion(error) && first.schemaPath.startsWith(branchesOf(error)));
  if (union === undefined) return first;
  const branches = Map.groupBy(branchErrors(union, errors), (error) => branchName(union, error));
  const near = [...branches.values()].filter((branch) => !branch.some(({ keyword }) => keyword === 'const'));
  return near.length === 1 && branches.size > 1 ? near[0]?.[0] : union;
}

function isUnion({ keyword }: TLocalizedValidationError): boolean {
  return keyword === 'anyOf' || keyword === 'oneOf';
}

function branchesOf(union: TLocalizedValidationError): string {
  return `${union.schemaPath}/${union.keyword}/`;
}

function branchErrors(union: TLocalizedValidationError, errors: readonly TLocalizedValidationError[]) {
  return errors.filter((error) => error.schemaPath.startsWith(branchesOf(union)));
}

function branchName(union: TLocalizedValidationError, error: TLocalizedValidationError): string | undefined {
  return error.schemaPath.slice(branchesOf(union).length).split('/', 1)[0];
}

/** Faults of an object's keys are reported at the object; the key says more. */
function pointerOf(error: TLocalizedValidationError): string {
  const key = keyOf(error);
  return key === undefined ? error.instancePath : error.instancePath + pointerSegment(key);
}

function keyOf(error: TLocalizedValidationError): string | undefined {
  if (error.keyword === 'required') return error.params.requiredProperties[0];
  return error.keyword === 'additionalProperties' ? error.params.additionalProperties[0] : undefined;
}

function messageFor(error: TLocalizedValidationError, errors: readonly TLocalizedValidationError[]): string {
  if (error.keyword === 'required') return 'is required';
  if (error.keyword === 'additionalProperties' || error.message === 'schema is false') return 'is not allowed';
  if (!isUnion(error)) return error.message;
  const constants = branchErrors(error, errors).flatMap((branch) =>
    branch.keyword === 'const' && branch.instancePath === error.instancePath ? [branch.params.allowedValue] : [],
  );
  const all = constants.length > 0 && constants.length === branchErrors(error, errors).length;
  return all ? `must be one of ${constants.map((value) => JSON.stringify(value)).join(', ')}` : error.message;
}
