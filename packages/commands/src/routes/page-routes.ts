import { type HttpApp, openEventStream } from '@millrace/http';
import { OverviewFeed } from '../page/overview-feed.ts';
import { PAGE_HTML } from '../page/page-html.ts';
import { PAGE_SCRIPT } from '../page/page-script.ts';
import { PAGE_STYLE } from '../page/page-style.ts';
import type { CommandRoutesOptions } from './route-options.ts';

/** Only its own files, no frames around it, nothing inline. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; " +
  "form-action 'none'; frame-ancestors 'none'";

const FILES = {
  '/': { type: 'text/html; charset=utf-8', text: PAGE_HTML },
  '/page/style.css': { type: 'text/css; charset=utf-8', text: PAGE_STYLE },
  '/page/script.js': { type: 'text/javascript; charset=utf-8', text: PAGE_SCRIPT },
} as const;

/**
 * The page at `/`, which only reads. Its files are open to everyone, because a browser must load them before it can
 * ask for a key; the numbers are not.
 */
export function pageRoutes(app: HttpApp, options: CommandRoutesOptions): void {
  for (const [path, { type, text }] of Object.entries(FILES)) {
    app.get(path, { config: { public: true }, schema: { hide: true } }, (_, reply) => {
      reply
        .type(type)
        .header('content-security-policy', POLICY)
        .header('x-content-type-options', 'nosniff')
        .header('referrer-policy', 'no-referrer')
        .header('cache-control', 'no-cache')
        .send(text);
    });
  }
  const feed = new OverviewFeed(options);
  app.get('/page/events', { config: { eventStream: true }, schema: { hide: true } }, (request, reply) => {
    const stream = openEventStream(request, reply, { onOverflow: (slow) => slow.close() });
    if (stream.signal.aborted) return;
    const leave = feed.add((overview) => stream.send({ event: 'overview', data: overview }));
    stream.signal.addEventListener('abort', leave, { once: true });
  });
}
