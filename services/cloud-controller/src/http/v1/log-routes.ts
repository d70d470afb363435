/* oxlint-disable oxc/no-async-endpoint-handlers -- Express 5 hands rejections to the error handler */
import { Router } from 'express';
import { z } from 'zod';
import type { Services } from '../../actions/context.ts';
import { ApiError } from '../../errors.ts';
import { callOf } from '../call-context.ts';
import { ownApp } from './app-routes.ts';

const MOST_INSTANCES = 1000;
/** Shorter than any proxy's patience with a silent answer. */
const MOST_WAIT_SECONDS = 25;

const cursor = z
  .string()
  .max(100_000)
  .transform((text, context) => {
    try {
      return JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as unknown;
    } catch {
      context.addIssue('must be what X-Log-Cursor said');
      return z.NEVER;
    }
  })
  .pipe(z.record(z.string().max(100), z.int().min(0)))
  .refine((map) => Object.keys(map).length <= MOST_INSTANCES);
const query = z.object({
  cursor: cursor.optional(),
  recent: z.coerce.number().int().min(0).max(10_000).default(100),
  wait: z.coerce.number().min(0).max(MOST_WAIT_SECONDS).default(0),
});

/**
 * `GET /apps/:name/logs`: log lines of all instances in order of time, one JSON document a line. The header
 * `X-Log-Cursor`, given back as `cursor`, goes on from there; no controller keeps anything between two calls.
 */
export function logRoutes(services: Services): Router {
  const router = Router();
  router.get('/apps/:name/logs', async (request, response) => {
    const app = await ownApp(services, response, request.params.name);
    const wish = query.safeParse(request.query);
    if (!wish.success) {
      const [issue] = wish.error.issues;
      throw new ApiError(100, `${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim());
    }
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const { cursor: from, recent, wait } = wish.data;
    const page = await services.instances.logs(
      app,
      { cursor: from, recent, waitSeconds: wait },
      gone.signal,
      callOf(response).trace,
    );
    if (gone.signal.aborted) return;
    response
      .set('X-Log-Cursor', Buffer.from(JSON.stringify(page.cursor)).toString('base64url'))
      .type('application/x-ndjson')
      .send(page.lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  });
  return router;
}
