/** The public names of `millrace` that the bench uses, taken from the checkout beside it. */
export { createMillrace, defineCommand } from '../../apps/server/src/index.ts';
