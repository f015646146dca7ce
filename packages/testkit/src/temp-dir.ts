import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TempDir extends AsyncDisposable {
  /** Absolute path of the directory. */
  readonly path: string;
  /** Absolute path of something inside it. */
  join(...parts: readonly string[]): string;
}

/** An empty directory that is removed with everything in it: `await using dir = await tempDir()`. */
export async function tempDir(prefix = 'millrace-test-'): Promise<TempDir> {
  const path = await mkdtemp(join(tmpdir(), prefix));
  return {
    path,
    join: (...parts) => join(path, ...parts),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }),
  };
}

/** Runs `use` with an empty directory and removes it afterwards, whatever happened. */
export async function withTempDir<TResult>(use: (path: string) => TResult | Promise<TResult>): Promise<TResult> {
  await using dir = await tempDir();
  return await use(dir.path);
}
