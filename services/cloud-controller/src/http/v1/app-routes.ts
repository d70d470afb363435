/* oxlint-disable oxc/no-async-endpoint-handlers -- Express 5 hands rejections to the error handler */
import { presentStats } from '../../presenters/stats.ts';
import { Router } from 'express';
import type { Response } from 'express';
import type { Services } from '../../actions/context.ts';
import { createApp } from '../../actions/create-app.ts';
import { deleteApp } from '../../actions/delete-app.ts';
import { restartApp } from '../../actions/restart-app.ts';
import { updateApp } from '../../actions/update-app.ts';
import { ApiError } from '../../errors.ts';
import type { AppRecord } from '../../ports.ts';
import { presentApp } from '../../presenters/app.ts';
import { updateState } from '../../presenters/update-state.ts';
import { callOf, callerOf } from '../call-context.ts';

/** The caller's app of that name. Throws 301. */
export async function ownApp(services: Services, response: Response, name: string): Promise<AppRecord> {
  const app = await services.store.apps.byName(callerOf(response).user.spaceId, name);
  if (!app) throw new ApiError(301);
  return app;
}

/** Rails' empty answer, which clients of that time expect: 200 with one blank. */
export function sendEmpty(response: Response): void {
  response.type('text/html').send(' ');
}

/** Apps and the state of their instances (reference §1.2). */
export function appRoutes(services: Services): Router {
  const router = Router();
  const { instances } = services;

  router.get('/apps', async (_request, response) => {
    const { user } = callerOf(response);
    const apps = await services.store.apps.listSpace(user.spaceId);
    const started = apps.filter((app) => app.state === 'STARTED');
    const { trace } = callOf(response);
    const counts =
      started.length > 0 ? await instances.runningCounts(started, trace) : new Map<string, null>();
    response.json(apps.map((app) => presentApp(app, counts.get(app.guid) ?? null)));
  });
  router.post('/apps', async (request, response) => {
    const app = await createApp(services, callerOf(response), callOf(response), request.body);
    const url = `${request.protocol}://${request.get('host') ?? services.config.external_uri}/apps/${app.name}`;
    response.status(302).set('Location', url).json({ result: 'success', redirect: url });
  });
  router.get('/apps/:name', async (request, response) => {
    const app = await ownApp(services, response, request.params.name);
    const running = await runningOf(services, response, app);
    const lacks = running !== null && app.state === 'STARTED' && running < app.instances;
    response.json(presentApp(app, running, lacks ? instances.shortage(app) : undefined));
  });
  router.put('/apps/:name', async (request, response) => {
    await updateApp(services, callerOf(response), callOf(response), request.params.name, request.body);
    sendEmpty(response);
  });
  router.delete('/apps/:name', async (request, response) => {
    await deleteApp(services, callerOf(response), callOf(response), request.params.name);
    sendEmpty(response);
  });
  router.get('/apps/:name/instances', async (request, response) => {
    const app = await ownApp(services, response, request.params.name);
    const list = app.state === 'STARTED' ? await instances.list(app, callOf(response).trace) : [];
    response.json({ instances: list });
  });
  router.get('/apps/:name/stats', async (request, response) => {
    const app = await ownApp(services, response, request.params.name);
    response.json(
      app.state === 'STARTED' ? presentStats(await instances.stats(app, callOf(response).trace)) : {},
    );
  });
  router.get('/apps/:name/crashes', async (request, response) => {
    const app = await ownApp(services, response, request.params.name);
    response.json({ crashes: await instances.crashes(app, callOf(response).trace) });
  });
  router.get('/apps/:name/update', async (request, response) => {
    const app = await ownApp(services, response, request.params.name);
    const { trace } = callOf(response);
    const running = await runningOf(services, response, app);
    const crashes = app.state === 'STARTED' ? await instances.crashes(app, trace) : [];
    response.json({
      state: updateState(app, running, crashes.length),
      since: Math.floor(app.updatedAt / 1000),
    });
  });
  router.put('/apps/:name/update', async (request, response) => {
    await restartApp(services, callerOf(response), callOf(response), request.params.name, request.body);
    response.status(204).end();
  });
  return router;
}

async function runningOf(services: Services, response: Response, app: AppRecord): Promise<number | null> {
  // Nothing runs yet of an app without droplet: no need to ask, and clients give up on null.
  if (app.state !== 'STARTED' || app.dropletHash === null) return 0;
  const counts = await services.instances.runningCounts([app], callOf(response).trace);
  return counts.get(app.guid) ?? null;
}
