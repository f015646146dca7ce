import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Undoes what `prepack` did to the checkout. */
const workspace = process.cwd();
const kept = join(workspace, 'package.json.checkout');
if (existsSync(kept)) renameSync(kept, join(workspace, 'package.json'));
rmSync(join(workspace, 'LICENSE'), { force: true });
rmSync(join(workspace, 'dist'), { recursive: true, force: true });
