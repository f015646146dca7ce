import type { Store } from '@millrace/engines/store';
import type { Clock, Logger } from '@millrace/kit';
import type { Commands } from '../commands.ts';

/** What schedules work with: an open store, and the room that they submit to. */
export interface SchedulesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly commands: Pick<Commands, 'check' | 'submit' | 'submitMany'>;
}
