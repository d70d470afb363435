import type { Logger } from '@vcap/bus';
import {
  bindRequestSchema,
  gatewayPaths,
  provisionRequestSchema,
  unbindRequestSchema,
} from '@vcap/service-api';
import type { Handle } from '@vcap/service-api';
import { Router } from 'express';
import type { Response } from 'express';
import type { GatewayBackend } from '../gateway/backend.ts';
import { param, parsed, pattern, route, traceOf } from './app.ts';

/** Create, delete, bind and unbind (services.md §3). What the asker did not wait for is undone. */
export function instanceRoutes(options: {
  backend: GatewayBackend;
  era: '2012' | '2013';
  log: Logger;
}): Router {
  const { backend, era, log } = options;
  const router = Router();

  /** Nobody knows the id of a thing whose asker has gone. */
  const answer = (response: Response, handle: Handle, undo: () => Promise<void>): void => {
    if (!response.closed && !response.destroyed) {
      response.json(inEra(handle, era));
      return;
    }
    log.warn({ event: 'asker-gone', service_id: handle.service_id });
    undo().catch((err: unknown) => log.error({ event: 'undo-failed', service_id: handle.service_id, err }));
  };

  router.post(
    gatewayPaths.configurations,
    route(async (request, response) => {
      const trace = traceOf(request);
      const handle = await backend.provision(parsed(provisionRequestSchema, request), trace);
      answer(response, handle, () => backend.unprovision(handle.service_id, trace));
    }),
  );

  router.delete(
    pattern(gatewayPaths.configuration(':id')),
    route(async (request, response) => {
      await backend.unprovision(param(request, 'id'), traceOf(request));
      response.json({});
    }),
  );

  router.post(
    pattern(gatewayPaths.handles(':id')),
    route(async (request, response) => {
      const trace = traceOf(request);
      const asked = parsed(bindRequestSchema, request);
      const handle = await backend.bind(asked, trace);
      const { service_id } = asked;
      answer(response, handle, () =>
        backend.unbind({ service_id, handle_id: handle.service_id, binding_options: {} }, trace),
      );
    }),
  );

  router.delete(
    pattern(gatewayPaths.handle(':id', ':handle')),
    route(async (request, response) => {
      await backend.unbind(parsed(unbindRequestSchema, request), traceOf(request));
      response.json({});
    }),
  );
  return router;
}

/** 2012 calls the configuration `data`. */
function inEra({ service_id, configuration, credentials }: Handle, era: '2012' | '2013'): object {
  return { service_id, [era === '2012' ? 'data' : 'configuration']: configuration, credentials };
}
