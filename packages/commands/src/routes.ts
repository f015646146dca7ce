import type { HttpApp } from '@millrace/http';
import { controlRoutes } from './routes/control-commands.ts';
import { pageRoutes } from './routes/page-routes.ts';
import { readRoutes } from './routes/read-commands.ts';
import type { CommandRoutesOptions } from './routes/route-options.ts';
import { submitRoutes } from './routes/submit-commands.ts';
import { watchRoutes } from './routes/watch-commands.ts';

export { registerCommandSocket } from './routes/command-socket.ts';
export type { CommandRoutesOptions } from './routes/route-options.ts';

/** Everything that HTTP does with commands, and the page at `/`. `/ws` is apart: `registerCommandSocket`. */
export function registerCommandRoutes(app: HttpApp, options: CommandRoutesOptions): void {
  submitRoutes(app, options);
  readRoutes(app, options);
  controlRoutes(app, options);
  watchRoutes(app, options);
  pageRoutes(app, options);
}
