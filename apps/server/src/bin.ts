#!/usr/bin/env node
// Plain JavaScript without static imports: an old Node must get as far as the check.
const NODE_MAJOR_MIN = 24;

if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR_MIN) {
  process.stderr.write(`Millrace needs Node ${NODE_MAJOR_MIN} or newer; this is Node ${process.versions.node}.\n`);
  process.exit(1);
}

const { runProcess } = await import('./cli/run-process.ts');
await runProcess();

export {};
