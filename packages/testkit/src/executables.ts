import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** A program that some tests need and a newcomer's machine may lack. */
export interface OptionalProgram {
  /** Absolute path, or `undefined` where it is not installed. */
  readonly path: string | undefined;
  /** For `test(name, { skip }, …)`: `false`, or why the test is skipped. */
  readonly skip: string | false;
}

/** Names under which a program is looked for; others are looked for by their own name. */
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  chromium: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
};

/** Debian keeps the server programs of PostgreSQL off the PATH: `/usr/lib/postgresql/<version>/bin`. */
const POSTGRES_HOME = '/usr/lib/postgresql';

/** Absolute path of a program on the PATH (or in PostgreSQL's own directory), `undefined` if there is none. */
export function findExecutable(name: string): string | undefined {
  const directories = [...(process.env.PATH ?? '').split(delimiter).filter((part) => part !== ''), ...postgresBins()];
  for (const candidate of ALIASES[name] ?? [name]) {
    for (const directory of directories) {
      const path = join(directory, candidate);
      if (isExecutable(path)) return path;
    }
  }
  return undefined;
}

/**
 * Finds a program for a test that cannot run without it. Where it is missing the test is skipped with a reason, unless
 * `MILLRACE_REQUIRE` (names separated by commas, as CI sets it) lists it.
 *
 * @throws Error when the program is required and missing
 */
export function requireOrSkip(name: string): OptionalProgram {
  const path = findExecutable(name);
  if (path !== undefined) return { path, skip: false };
  const required = (process.env.MILLRACE_REQUIRE ?? '').split(',').map((part) => part.trim());
  if (required.includes(name)) throw new Error(`${name} is not installed, but MILLRACE_REQUIRE demands its tests.`);
  return { path: undefined, skip: `${name} is not installed` };
}

function postgresBins(): string[] {
  try {
    const versions = readdirSync(POSTGRES_HOME).sort((a, b) => Number(b) - Number(a));
    return versions.map((version) => join(POSTGRES_HOME, version, 'bin'));
  } catch {
    return [];
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
