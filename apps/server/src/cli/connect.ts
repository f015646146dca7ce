import { createClient, type MillraceClient } from '@millrace/client';
import { type Command, Option } from 'commander';
import type { CliContext, ConnectOptions } from './context.ts';

const PORT_DEFAULT = 3001;
/** A person waits in front of it: a server that is not there is told after half a second. */
const RETRIES = { maxAttempts: 3, initialDelayMs: 100, maxDelayMs: 10_000 };

/** Adds the options of commands that speak to a server. */
export function withConnection(command: Command): Command {
  return command
    .addOption(new Option('--url <url>', 'where Millrace is (MILLRACE_URL; default http://127.0.0.1:3001)'))
    .addOption(new Option('--api-key <key>', 'API key (API_KEY)'))
    .addOption(new Option('--token <jwt>', 'bearer token (MILLRACE_TOKEN)'))
    .option('--json', 'print JSON for machines');
}

/** A client of the server that flags, environment and `.env` point to, in this order. */
export function connect(options: ConnectOptions, context: CliContext): MillraceClient {
  const read = (name: string): string | undefined => context.env[name] || context.dotEnv[name] || undefined;
  return createClient({
    url: options.url ?? read('MILLRACE_URL') ?? `http://127.0.0.1:${read('PORT') ?? PORT_DEFAULT}`,
    apiKey: options.apiKey ?? read('API_KEY'),
    apiKeyHeader: read('API_KEY_HEADER'),
    token: options.token ?? read('MILLRACE_TOKEN'),
    retries: RETRIES,
  });
}
