import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { dirname, extname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { foregroundClock, type Timer } from '@millrace/kit';
import { type CliContext, EXIT, type ExitCode } from './context.ts';

/** Editors write a file in several steps; one restart is enough. */
const QUIET_MS = 150;
const SOURCES: ReadonlySet<string> = new Set(['.ts', '.mts', '.js', '.mjs', '.json']);
const BIN = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../bin.ts' : '../bin.js', import.meta.url));

/**
 * Runs `start` in a child process and starts it again, after a graceful stop, whenever a source file in the directory
 * of the handlers file changes. A child that ends by itself (a mistake in the file) waits for the next change.
 */
export async function superviseHandlers(handlers: string, context: CliContext): Promise<ExitCode> {
  const directory = dirname(resolve(context.cwd, handlers));
  const supervisor = new Supervisor(context);
  const watcher = watch(directory, (_, file) => {
    if (file !== null && SOURCES.has(extname(file))) supervisor.changed(file);
  });
  const forward = (signal: NodeJS.Signals) => (): void => supervisor.end(signal);
  const [onTerm, onInt] = [forward('SIGTERM'), forward('SIGINT')];
  process.on('SIGTERM', onTerm).on('SIGINT', onInt);
  try {
    return await supervisor.run();
  } finally {
    process.off('SIGTERM', onTerm).off('SIGINT', onInt);
    watcher.close();
  }
}

class Supervisor {
  readonly #context: CliContext;
  #child: ChildProcess | undefined;
  #quiet: Timer | undefined;
  #ending = false;
  #wake = Promise.withResolvers<void>();

  constructor(context: CliContext) {
    this.#context = context;
  }

  async run(): Promise<ExitCode> {
    for (;;) {
      this.#wake = Promise.withResolvers();
      // A process group of its own: a terminal's Ctrl-C reaches the child once, through `end`.
      const args = process.argv.slice(2).filter((argument) => argument !== '--watch');
      this.#child = spawn(process.execPath, [BIN, ...args], {
        cwd: this.#context.cwd,
        stdio: 'inherit',
        detached: true,
      });
      const [code] = (await once(this.#child, 'exit')) as [number | null];
      this.#child = undefined;
      if (this.#ending) return code === 0 ? EXIT.ok : EXIT.error;
      await this.#wake.promise;
      if (this.#ending) return EXIT.ok;
    }
  }

  changed(file: string): void {
    this.#quiet?.cancel();
    this.#quiet = foregroundClock.schedule(QUIET_MS, () => {
      this.#context.stderr.write(`${file} changed: starting again\n`);
      this.#wake.resolve();
      this.#child?.kill('SIGTERM');
    });
  }

  end(signal: NodeJS.Signals): void {
    this.#ending = true;
    this.#wake.resolve();
    this.#child?.kill(signal);
  }
}
