/* oxlint-disable oxc/no-async-endpoint-handlers -- Express 5 hands rejections to the error handler */
import { Router } from 'express';
import type { Services } from '../../actions/context.ts';
import { ApiError } from '../../errors.ts';
import { presentInfo } from '../../presenters/info.ts';
import { callerOf, maybeCaller } from '../call-context.ts';

/** What the cloud is and offers. Services are not offered yet: their lists are empty. */
export function infoRoutes(services: Services): Router {
  const router = Router();
  router.get('/', (_request, response) => {
    response.type('text/plain').send('This is the API of a cloud: point a client at it.\n');
  });
  router.get('/info', async (_request, response) => {
    response.json(await presentInfo(services, maybeCaller(response)?.user));
  });
  router.get('/info/services', (_request, response) => {
    callerOf(response);
    response.json({});
  });
  router.get('/info/runtimes', (_request, response) => {
    const runtimes = services.offered.runtimes().map(({ name, ...rest }) => [name, rest] as const);
    response.json(Object.fromEntries(runtimes));
  });
  router.get('/services', (_request, response) => {
    callerOf(response);
    response.json([]);
  });
  router.all(['/services', '/services/:alias'], (_request, response) => {
    callerOf(response);
    throw new ApiError(500);
  });
  return router;
}
