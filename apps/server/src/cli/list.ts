import type { ListQuery, MillraceClient } from '@millrace/client';
import { COMMAND_STATUSES, type CommandView, systemClock } from '@millrace/kit';
import { type Command, Option } from 'commander';
import { connect, withConnection } from './connect.ts';
import { type CliContext, type ConnectOptions, EXIT, type ExitCode, print, printJson } from './context.ts';
import { duration, instant, parseInstant, parseWhole, table } from './format.ts';

interface ListOptions extends ConnectOptions {
  readonly status?: ListQuery['status'];
  readonly type?: string;
  readonly correlationId?: string;
  readonly since?: string;
  readonly until?: string;
  readonly limit?: string;
  readonly cursor?: string;
  readonly all?: true;
  readonly deadLetters?: true;
}

const LIMIT_MAX = 1_000;
const HEAD = ['TASK ID', 'TYPE', 'STATUS', 'ATTEMPTS', 'CREATED', 'DURATION', 'ERROR'];

/** `millrace list`: a page, or with `--all` every command that matches (NDJSON with `--json`). */
export function define(command: Command, context: CliContext, finish: (code: ExitCode) => void): void {
  withConnection(command)
    .addOption(new Option('--status <status>', 'only these').choices(COMMAND_STATUSES))
    .option('--type <taskType>', 'only of this type')
    .option('--correlation-id <id>', 'only with this correlation id')
    .option('--since <time>', 'created since: ISO 8601, or so long ago (1h)')
    .option('--until <time>', 'created until')
    .option('--limit <n>', 'commands of a page (50, up to 1,000)')
    .option('--cursor <cursor>', 'go on after this page')
    .option('--dead-letters', 'only dead-lettered ones')
    .option('--all', 'every page; with --json one command a line')
    .action(async (options: ListOptions) => {
      const client = connect(options, context);
      const list: MillraceClient['list'] = options.deadLetters === true ? client.deadLetters : client.list;
      await printPages(list, { query: toQuery(options), options, context });
      finish(EXIT.ok);
    });
}

interface Printing {
  readonly query: ListQuery;
  readonly options: ListOptions;
  readonly context: CliContext;
}

async function printPages(list: MillraceClient['list'], { query, options, context }: Printing): Promise<void> {
  let cursor = query.cursor;
  for (let isFirst = true; ; isFirst = false) {
    const page = await list({ ...query, cursor });
    if (options.json !== true) print(context, commandTable(page.items, isFirst));
    else if (options.all === true) for (const item of page.items) print(context, JSON.stringify(item));
    else printJson(context, page);
    if (page.nextCursor === null) return;
    if (options.all !== true) {
      if (options.json !== true) context.stderr.write(`More: add --cursor ${page.nextCursor}, or --all.\n`);
      return;
    }
    cursor = page.nextCursor;
  }
}

function toQuery(options: ListOptions): ListQuery {
  const now = systemClock.now();
  return {
    status: options.status,
    taskType: options.type,
    correlationId: options.correlationId,
    createdFrom: parseInstant(options.since, '--since', now),
    createdTo: parseInstant(options.until, '--until', now),
    limit: options.limit === undefined ? undefined : parseWhole(options.limit, '--limit', { min: 1, max: LIMIT_MAX }),
    cursor: options.cursor,
  };
}

/** The head stands above the first page only. */
function commandTable(items: readonly CommandView[], isFirst: boolean): string {
  if (items.length === 0) return isFirst ? 'No commands match.' : '';
  const rows = items.map((item) => [
    item.taskId,
    item.taskType,
    item.status,
    String(item.attempts),
    instant(item.createdAt),
    duration(item.duration),
    item.error?.code ?? '',
  ]);
  const text = table(HEAD, rows);
  return isFirst ? text : text.slice(text.indexOf('\n') + 1);
}
