import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Scenario } from './contract.ts';

const DIR = new URL('../scenarios/', import.meta.url);

/** Loads the named scenarios, or all of them; a file's name is its scenario's. */
export async function loadScenarios(names: readonly string[] | undefined): Promise<Scenario[]> {
  const known = readdirSync(fileURLToPath(DIR))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -3))
    .sort();
  const unknown = (names ?? []).filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`Unknown scenario ${unknown.join(', ')}; there are ${known.join(', ')}.`);
  const scenarios: Scenario[] = [];
  for (const name of names ?? known) {
    const module = (await import(new URL(`${name}.ts`, DIR).href)) as { scenario: Scenario };
    scenarios.push(module.scenario);
  }
  return scenarios;
}
