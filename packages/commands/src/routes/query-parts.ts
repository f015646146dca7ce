import { Type } from 'typebox';
import { invalid } from '../errors.ts';
import { parseInstant } from '../submission.ts';
import { VIEW_FIELDS } from './schemas.ts';

/** An instant in a query, checked by `instantOf`. */
export const InstantQuery = Type.Optional(
  Type.String({ description: 'ISO 8601 with a zone (`+` is written `%2B`), or a date: its first moment in UTC.' }),
);

/** @throws VALIDATION_ERROR */
export function instantOf(value: string | undefined, name: string): Date | undefined {
  if (value === undefined) return undefined;
  const text = /^\d{4}-\d{2}-\d{2}$/.test(value) ? `${value}T00:00:00Z` : value;
  return new Date(parseInstant(text, `/${name}`));
}

const LARGE_FIELDS = ['payload', 'metadata', 'result'];

/** Whether none of the fields asked for may be large. */
export function isBrief(fields: string | undefined): boolean {
  return fields !== undefined && !fields.split(',').some((name) => LARGE_FIELDS.includes(name.trim()));
}

/** What `?fields=a,b` leaves of a view. @throws VALIDATION_ERROR for an unknown field */
export function fieldPicker(fields: string | undefined): (view: object) => object {
  if (fields === undefined) return (view) => view;
  const names = fields.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !VIEW_FIELDS.has(name));
  if (unknown !== undefined) {
    throw invalid('/fields', `Unknown field "${unknown}". Known are ${[...VIEW_FIELDS].join(', ')}.`);
  }
  return (view) =>
    Object.fromEntries(
      names.filter((name) => name in view).map((name) => [name, (view as Record<string, unknown>)[name]]),
    );
}
