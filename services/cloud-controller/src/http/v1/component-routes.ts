/* oxlint-disable oxc/no-async-endpoint-handlers -- Express 5 hands rejections to the error handler */
import { Router } from 'express';
import { z } from 'zod';
import type { Services } from '../../actions/context.ts';
import { ApiError } from '../../errors.ts';
import { presentBulkApp } from '../../presenters/app.ts';
import { basicAuth } from '../basic-auth.ts';
import { callOf } from '../call-context.ts';
import { sendStream } from '../send-stream.ts';

const MAX_BATCH = 1000;
const bulkQuery = z.object({
  batch_size: z.coerce.number().int().min(1).default(200),
  bulk_token: z
    .string()
    .default('{}')
    .transform((text, context) => {
      try {
        return JSON.parse(text) as unknown;
      } catch {
        context.addIssue('must be JSON');
        return z.NEVER;
      }
    })
    .pipe(z.object({ id: z.coerce.number().int().nonnegative().default(0) })),
});
const sha1Header = z
  .string()
  .regex(/^[0-9a-f]{40}$/i)
  .optional();

/** Routes for DEAs, stagers and the health manager (reference §1.8). */
export function componentRoutes(services: Services): Router {
  const router = Router();
  const { bits, store } = services;

  router.get('/staged_droplets/:guid/:hash', async (request, response) => {
    const { guid, hash } = request.params;
    const app = await store.apps.byGuid(guid);
    if (!app || app.dropletHash !== hash) throw new ApiError(301);
    const droplet = await bits.openDroplet(guid, hash);
    if (!droplet) throw new ApiError(301);
    await sendStream(response, droplet.body, {
      headers: { 'Content-Type': 'application/octet-stream', 'Content-Length': String(droplet.size) },
    });
  });

  router.get('/staging/apps/:guid', basicAuth(services.settings.stagingAuth), async (request, response) => {
    const found = await bits.openPackage(String(request.params['guid']));
    if (!found) throw new ApiError(301);
    await sendStream(response, found.body, {
      headers: { 'Content-Type': 'application/zip', 'Content-Length': String(found.size) },
    });
  });

  router.post('/staging/droplets/:guid/upload', async (request, response) => {
    const { guid } = request.params;
    const token = z.string().min(1).safeParse(request.query['token']);
    const expected = sha1Header.safeParse(request.get('x-droplet-sha1'));
    if (!expected.success) throw new ApiError(100, 'X-Droplet-Sha1 must be hexadecimal');
    if (!token.success || !(await store.uploadTokens.takeUploadToken(token.data, guid)))
      throw new ApiError(200);
    const app = await store.apps.byGuid(guid);
    if (!app) throw new ApiError(301);
    const { sha1 } = await bits.storeDroplet(app, request, expected.data?.toLowerCase());
    callOf(response).log.info({ event: 'droplet-stored', app: guid, sha1 });
    response.json({ sha1 });
  });

  const bulk = basicAuth(services.settings.bulkAuth);
  router.get('/bulk/apps', bulk, async (request, response) => {
    const query = bulkQuery.safeParse(request.query);
    if (!query.success)
      throw new ApiError(100, 'batch_size and bulk_token must be a number and {"id": number}');
    const limit = Math.min(query.data.batch_size, MAX_BATCH);
    const { apps, lastId } = await store.apps.page(query.data.bulk_token.id, limit);
    response.json({
      results: Object.fromEntries(apps.map((app) => [app.guid, presentBulkApp(app)])),
      bulk_token: lastId === null ? {} : { id: lastId },
    });
  });
  router.get('/bulk/counts', bulk, async (request, response) => {
    if (request.query['model'] !== 'user') throw new ApiError(100, 'model must be user');
    response.json({ counts: { user: await store.users.count() } });
  });
  return router;
}
