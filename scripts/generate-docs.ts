import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ASSISTANT_ERRORS } from '@millrace/assistant';
import { CLIENT_ERRORS } from '@millrace/client';
import { COMMANDS_ERRORS, createCommandMetrics } from '@millrace/commands';
import { STORE_ERRORS } from '@millrace/engines/store';
import { createHttpServer, createMetrics, HTTP_ERRORS } from '@millrace/http';
import { KIT_ERRORS } from '@millrace/kit';
import { SERVER_ERRORS } from '../apps/server/src/errors.ts';
import { renderConfig, renderEnvExample } from './reference/render-config.ts';
import { renderErrors } from './reference/render-errors.ts';
import { renderMetrics } from './reference/render-metrics.ts';

/** Writes the generated pages; with `--check` only compares, and fails when one of them is out of date. */
const root = dirname(dirname(fileURLToPath(import.meta.url)));

const PACKAGES = [
  { name: 'millrace', errors: SERVER_ERRORS },
  { name: '@millrace/commands', errors: COMMANDS_ERRORS },
  { name: '@millrace/assistant', errors: ASSISTANT_ERRORS },
  { name: '@millrace/http', errors: HTTP_ERRORS },
  { name: '@millrace/engines', errors: STORE_ERRORS },
  { name: '@millrace/kit', errors: KIT_ERRORS },
  { name: '@millrace/client', errors: CLIENT_ERRORS },
];

/** Every metric of the program, registered as a running server registers it. */
async function renderAllMetrics(): Promise<string> {
  using metrics = createMetrics();
  const { registry } = metrics;
  createCommandMetrics(registry);
  await using server = createHttpServer({ port: 0, registry });
  await server.start();
  // One request gives the metrics of HTTP their labels.
  await (await fetch(`${server.url}/health`)).text();
  return renderMetrics(registry);
}

const pages: Readonly<Record<string, string>> = {
  '.env.example': renderEnvExample(),
  'docs/reference/config.md': renderConfig(),
  'docs/reference/errors.md': renderErrors(PACKAGES),
  'docs/reference/metrics.md': await renderAllMetrics(),
};

if (process.argv.includes('--check')) {
  const stale = Object.entries(pages).filter(([path, text]) => currentText(path) !== text);
  for (const [path] of stale) console.error(`${path} is out of date: run npm run docs and commit it.`);
  process.exitCode = stale.length === 0 ? 0 : 1;
} else {
  for (const [path, text] of Object.entries(pages)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

function currentText(path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch {
    return undefined;
  }
}
