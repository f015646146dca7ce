export { createCommands } from './command-room.ts';
export * from './commands.ts';
export { COMMANDS_ERRORS, commandsError } from './errors.ts';
export { type CommandsObserver, type ShedReason, silentObserver } from './observer.ts';
export type { CommandsOptions } from './options.ts';
export { commandsSchema } from './schema.ts';
