import type { Commands } from '@millrace/commands';
import { serverError } from './errors.ts';
import type { ResolvedMillraceOptions } from './millrace-options.ts';

/** The rooms of a process, running. */
export interface Rooms {
  readonly commands: Commands;
  /** Where HTTP is served; `undefined` without it. */
  readonly url: string | undefined;
  /** Stops intake, then the rooms, then what they stand on. */
  stop(): Promise<void>;
}

/** Opens store, rooms and HTTP in this order; on failure closes what was opened and throws. */
export type OpenRooms = (options: ResolvedMillraceOptions) => Promise<Rooms>;

/** The rooms of this version. */
export const openRooms: OpenRooms = async () => {
  throw serverError('ROOMS_MISSING');
};
