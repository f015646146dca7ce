export * from './eventually.ts';
export * from './executables.ts';
export * from './free-port.ts';
export * from './short-or-long.ts';
export * from './start-process.ts';
export * from './stress-start-stop.ts';
export * from './temp-dir.ts';
export * from './test-signal.ts';
