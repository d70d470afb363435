import { gatewayPaths, purgeOrphanRequestSchema, restoreRequestSchema } from '@vcap/service-api';
import { Router } from 'express';
import type { Migration } from '../gateway/migration.ts';
import type { Orphans } from '../gateway/orphans.ts';
import type { Recovery } from '../gateway/recovery.ts';
import { param, parsed, pattern, route, traceOf } from './app.ts';

/** What operators and their tools ask: restore, recover, orphans, migration (services.md §3). */
export function internalRoutes(parts: {
  orphans: Orphans;
  recovery: Recovery;
  migration: Migration;
}): Router {
  const { orphans, recovery, migration } = parts;
  const router = Router();
  router.post(
    gatewayPaths.restore,
    route(async (request, response) => {
      const { instance_id, backup_path } = parsed(restoreRequestSchema, request);
      await recovery.restore(instance_id, backup_path, traceOf(request));
      response.json({});
    }),
  );
  router.post(
    gatewayPaths.recover,
    route(async (request, response) => {
      const { instance_id, backup_path } = parsed(restoreRequestSchema, request);
      await recovery.recover(instance_id, backup_path, traceOf(request));
      response.json({});
    }),
  );
  router.post(
    gatewayPaths.checkOrphan,
    route(async (request, response) => {
      await orphans.check(traceOf(request));
      response.json({});
    }),
  );
  router.delete(
    gatewayPaths.purgeOrphan,
    route(async (request, response) => {
      await orphans.purge(parsed(purgeOrphanRequestSchema, request), traceOf(request));
      response.json({});
    }),
  );
  router.post(
    pattern(gatewayPaths.migration(':node', ':instance', ':action')),
    route(async (request, response) => {
      const [node, instance, action] = ['node', 'instance', 'action'].map((name) => param(request, name));
      await migration.run(node ?? '', instance ?? '', action ?? '', traceOf(request));
      response.json(true);
    }),
  );
  router.get(pattern(gatewayPaths.nodeInstances(':node')), (request, response) => {
    response.json(migration.instancesOf(param(request, 'node')));
  });
  return router;
}
