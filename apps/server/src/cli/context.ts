import type { Readable, Writable } from 'node:stream';
import type { Command } from 'commander';

/** What the command line has of the world around it. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly dotEnv: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin: Readable;
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
}

/** How a run ends. */
export const EXIT = {
  ok: 0,
  error: 1,
  /** The command line or the settings are wrong. */
  usage: 2,
  /** `submit --wait`: the command was run and did not succeed. */
  commandFailed: 3,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A command's module: adds arguments and options to the command, and the action that resolves to the exit code. */
export interface CliModule {
  define(command: Command, context: CliContext, finish: (code: ExitCode) => void): void;
}

/** Options that every command which speaks to a server has. */
export interface ConnectOptions {
  readonly url?: string;
  readonly apiKey?: string;
  readonly token?: string;
  readonly json?: true;
}

export function print(context: Pick<CliContext, 'stdout'>, text: string): void {
  context.stdout.write(`${text}\n`);
}

/** One JSON document, indented where a person reads it. */
export function printJson(context: Pick<CliContext, 'stdout'>, value: unknown): void {
  print(context, context.stdout.isTTY === true ? JSON.stringify(value, null, 2) : JSON.stringify(value));
}
