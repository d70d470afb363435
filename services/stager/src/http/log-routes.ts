import { createHash, timingSafeEqual } from 'node:crypto';
import express from 'express';
import type { ErrorRequestHandler, Express, Request } from 'express';
import { fromTraceparent } from '@vcap/bus';
import type { Logger } from '@vcap/bus';
import { z } from 'zod';
import type { LogStore } from '../log/log-store.ts';
import type { TaskLogs } from '../log/task-logs.ts';

const querySchema = z.object({
  token: z.string().min(1).max(256),
  offset: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
});

/** Equal without telling by its time how much of it is. */
const sameToken = (left: string, right: string): boolean => timingSafeEqual(digest(left), digest(right));

const digest = (value: string): Buffer => createHash('sha256').update(value).digest();

/** The caller's trace for log lines; callers need not have one. */
const traceOf = (request: Request): { trace_id?: string } => {
  const trace = fromTraceparent(request.get('traceparent'));
  return trace ? { trace_id: trace.traceId } : {};
};

/**
 * `GET /staging_tasks/:id/log?token=&offset=`: bytes from `offset` as text, `X-Staging-Complete` says
 * whether more will come. 400 bad query, 403 wrong token, 404 unknown task, 503 store away.
 */
export const logRoutes = (o: { logs: TaskLogs; store: LogStore | undefined; log: Logger }): Express => {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // oxlint-disable-next-line oxc/no-async-endpoint-handlers -- Express 5 takes a rejected promise as an error
  app.get('/staging_tasks/:id/log', async (request, response) => {
    const query = querySchema.safeParse(request.query);
    response.type('text/plain').set('cache-control', 'no-store');
    if (!query.success) {
      response.status(400).send('token is required; offset is a number of bytes from 0 on\n');
      return;
    }
    const { token, offset } = query.data;
    const held = o.logs.read(request.params.id, offset);
    const found =
      held ??
      (await o.store?.read(request.params.id, offset).catch((error: Error) => {
        o.log.warn({ event: 'log-store-unreachable', reason: error.message, ...traceOf(request) });
        return 'away' as const;
      }));
    if (found === 'away') response.status(503).send('the log store is away: try again\n');
    else if (!found) response.status(404).send('no such staging task\n');
    else if (!sameToken(found.token, token)) response.status(403).send('the token does not fit this task\n');
    else response.set('x-staging-complete', String(found.complete)).send(found.bytes);
  });
  app.use((_request, response) => {
    response.status(404).type('text/plain').send('not found\n');
  });
  const onError: ErrorRequestHandler = (
    error: { status?: number; message?: string },
    request,
    response,
    _next,
  ) => {
    const status = error.status ?? 500;
    if (status >= 500)
      o.log.error({ event: 'log-request-failed', reason: error.message, ...traceOf(request) });
    response
      .status(status)
      .type('text/plain')
      .send(status < 500 ? 'bad request\n' : 'internal error\n');
  };
  app.use(onError);
  return app;
};
