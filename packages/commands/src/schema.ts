import type { StoreSchema } from '@millrace/engines/store';
import { createCommands } from './migrations/0001-commands.ts';
import { addSchedules } from './migrations/0002-schedules.ts';

/** The room's tables and procedures, for whoever opens the store. */
export const commandsSchema: StoreSchema = {
  room: 'commands',
  migrations: [createCommands, addSchedules],
  procedures: [
    new URL(import.meta.url.endsWith('.ts') ? './sql/procedures.ts' : './sql/procedures.js', import.meta.url),
  ],
};
