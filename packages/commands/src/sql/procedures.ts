export * from './control-procedures.ts';
export * from './depart-train.ts';
export * from './lease-procedures.ts';
export * from './step-procedures.ts';
export * from './schedule-procedures.ts';
export * from './trim-event-batches.ts';
