/** The process of one variant: `node child.ts <scenario> <variant> <tiny|quick|full> [seconds]` prints one JSON line and ends. */
import type { Size, VariantReport } from './contract.ts';
import { loadScenarios } from './scenarios.ts';

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1));

const [scenarioName = '', variantName = '', size = 'full', seconds] = process.argv.slice(2);

async function run(): Promise<VariantReport> {
  const [scenario] = await loadScenarios([scenarioName]);
  const variant = scenario?.variants.find(({ name }) => name === variantName);
  if (variant === undefined) return { kind: 'failed', reason: `There is no variant ${variantName}.` };
  const reason = variant.skip?.();
  if (reason !== undefined) return { kind: 'skipped', reason };
  const context = {
    size: size as Size,
    seconds: seconds === undefined ? undefined : Number(seconds),
  };
  return { kind: 'measured', measurement: await variant.run(context) };
}

const report = await run().catch(
  (error: unknown): VariantReport => ({
    kind: 'failed',
    reason: error instanceof Error ? (error.stack ?? error.message) : String(error),
  }),
);
process.stdout.write(`\n${JSON.stringify(report)}\n`, () => process.exit(0));
