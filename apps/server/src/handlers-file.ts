import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type CommandDefinition, isCommandDefinition, messageOf } from '@millrace/kit';
import { didYouMean } from './did-you-mean.ts';
import { serverError } from './errors.ts';

const CHECK_TIMEOUT_MS = 10_000;

/**
 * Loads a user's module and gives every command definition among its exports; an array or object of definitions
 * counts as its elements.
 *
 * @throws HANDLERS_NOT_FOUND, HANDLERS_NOT_LOADED (with the place of a syntax error), HANDLERS_EMPTY, HANDLERS_DUPLICATE
 */
export async function loadHandlersFile(file: string, cwd: string): Promise<readonly CommandDefinition[]> {
  const path = resolve(cwd, file);
  if (!existsSync(path))
    throw serverError('HANDLERS_NOT_FOUND', { details: { file: path, suggestion: neighbour(path) } });
  const exports = await importModule(path);
  const found = Object.entries(exports).flatMap(([name, value]) => definitionsIn(name, value));
  if (found.length === 0) {
    const names = Object.keys(exports);
    const details = { file: path, exports: names.length === 0 ? 'nothing' : names.join(', ') };
    throw serverError('HANDLERS_EMPTY', { details });
  }
  return distinct(path, found);
}

interface Found {
  readonly name: string;
  readonly definition: CommandDefinition;
}

async function importModule(path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(pathToFileURL(path).href)) as Record<string, unknown>;
  } catch (error) {
    const place = placeOf(error) ?? (error instanceof SyntaxError ? checkedPlaceOf(path) : undefined);
    const reason = `${place === undefined ? '' : `${place}: `}${messageOf(error)}`;
    throw serverError('HANDLERS_NOT_LOADED', { details: { file: path, reason }, cause: error });
  }
}

/** `file:line`: above the stack of most syntax errors, else in its first frame when that is the user's own code. */
function placeOf(error: unknown): string | undefined {
  const lines = error instanceof Error ? (error.stack ?? '').split('\n') : [];
  const head = /^(?:file:\/\/)?(\/.*:\d+)$/.exec(lines[0] ?? '')?.[1];
  const frame = lines.find((line) => line.startsWith('    at '));
  return head ?? /at (?:.*\()?(?:file:\/\/)?(\/[^\s()]+:\d+:\d+)\)?$/.exec(frame ?? '')?.[1];
}

/** Of a syntax error in JavaScript, Node tells the place only on its own standard error. */
function checkedPlaceOf(path: string): string | undefined {
  const { stderr } = spawnSync(process.execPath, ['--check', path], { encoding: 'utf8', timeout: CHECK_TIMEOUT_MS });
  return /^(\/.*:\d+)$/m.exec(stderr)?.[1];
}

function definitionsIn(name: string, value: unknown): Found[] {
  if (isCommandDefinition(value)) return [{ name, definition: value }];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value)
    .filter((entry): entry is [string, CommandDefinition] => isCommandDefinition(entry[1]))
    .map(([key, definition]) => ({ name: `${name}.${key}`, definition }));
}

/** The same definition exported under two names is one; two definitions of one type are a mistake. */
function distinct(file: string, found: readonly Found[]): readonly CommandDefinition[] {
  const byType = new Map<string, Found>();
  for (const one of found) {
    const other = byType.get(one.definition.type);
    if (other !== undefined && other.definition !== one.definition) {
      const details = { file, type: one.definition.type, first: other.name, second: one.name };
      throw serverError('HANDLERS_DUPLICATE', { details });
    }
    byType.set(one.definition.type, other ?? one);
  }
  return [...byType.values()].map(({ definition }) => definition);
}

function neighbour(path: string): string {
  try {
    return didYouMean(basename(path), readdirSync(dirname(path)));
  } catch {
    return '';
  }
}
