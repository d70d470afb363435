/* oxlint-disable oxc/no-async-endpoint-handlers -- Express 5 hands rejections to the error handler */
import { Router } from 'express';
import type { Services } from '../../actions/context.ts';
import { presentInfo } from '../../presenters/info.ts';
import { maybeCaller } from '../call-context.ts';

/** What the cloud is, and the runtimes it has. */
export function infoRoutes(services: Services): Router {
  const router = Router();
  router.get('/', (_request, response) => {
    response.type('text/plain').send('This is the API of a cloud: point a client at it.\n');
  });
  router.get('/info', async (_request, response) => {
    response.json(await presentInfo(services, maybeCaller(response)?.user));
  });
  router.get('/info/runtimes', (_request, response) => {
    const runtimes = services.offered.runtimes().map(({ name, ...rest }) => [name, rest] as const);
    response.json(Object.fromEntries(runtimes));
  });
  return router;
}
