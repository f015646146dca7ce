import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The version of an installed package of the bench. */
export function packageVersion(name: string): string {
  const path = fileURLToPath(new URL(`../node_modules/${name}/package.json`, import.meta.url));
  const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version: string };
  return version;
}
