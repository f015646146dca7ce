import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger, Service } from '@millrace/kit';
import { serverError } from '../errors.ts';
import { createMillrace, type Millrace } from '../millrace.ts';
import { DEMO_COMMANDS } from './demo-commands.ts';

export interface TemporaryMillraceOptions {
  /** 0 takes a free one. */
  readonly port: number;
  readonly logger: Logger;
}

/** Millrace on an empty directory, which `stop` removes: the demo's types, the offline assistant, HTTP. */
export class TemporaryMillrace implements Service {
  readonly #options: TemporaryMillraceOptions;
  #directory: string | undefined;
  #millrace: Millrace | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: TemporaryMillraceOptions) {
    this.#options = options;
  }

  /** @throws LISTEN_FAILED when the port is taken, … */
  async start(): Promise<void> {
    this.#directory = await mkdtemp(join(tmpdir(), 'millrace-demo-'));
    // Whatever ends the process, a closed pipe or a second Ctrl-C included, takes the data along.
    process.once('exit', this.#remove);
    const dataDir = join(this.#directory, 'data');
    this.#millrace = createMillrace({ ...this.#options, commands: DEMO_COMMANDS, dataDir });
    await this.#millrace.start();
  }

  /** @throws NOT_STARTED */
  get url(): string {
    if (this.#millrace === undefined) throw serverError('NOT_STARTED', { details: { what: 'url' } });
    return this.#millrace.url;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(): Promise<void> {
    await this.#millrace?.stop();
    this.#remove();
    process.off('exit', this.#remove);
  }

  readonly #remove = (): void => {
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true });
  };
}
