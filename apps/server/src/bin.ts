#!/usr/bin/env node
// Plain JavaScript without static imports: an old Node must get as far as the check.
const NODE_MAJOR_MIN = 24;

if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR_MIN) {
  process.stderr.write(`Millrace needs Node ${NODE_MAJOR_MIN} or newer; this is Node ${process.versions.node}.\n`);
  process.exit(1);
}

/** Commands that serve for long: worth a start of some 40 ms more. */
const LONG_RUNNING = ['start', 'demo'];
if (LONG_RUNNING.includes(process.argv[2] ?? '')) {
  const { tuneProcess } = await import('./tuned-process.ts');
  tuneProcess(process);
}

const { runProcess } = await import('./cli/run-process.ts');
await runProcess();

export {};
