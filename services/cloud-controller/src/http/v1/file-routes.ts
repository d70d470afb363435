/* oxlint-disable oxc/no-async-endpoint-handlers -- Express 5 hands rejections to the error handler */
import { Router } from 'express';
import type { Request, Response } from 'express';
import { z } from 'zod';
import type { Services } from '../../actions/context.ts';
import { uploadBits } from '../../actions/upload-bits.ts';
import { ApiError } from '../../errors.ts';
import { callOf, callerOf } from '../call-context.ts';
import { sendStream } from '../send-stream.ts';
import { ownApp, sendEmpty } from './app-routes.ts';

const sha1 = z.string().regex(/^[0-9a-f]{40}$/i);
const resourceList = z.array(
  z.looseObject({
    fn: z.string(),
    size: z.number().int().nonnegative(),
    sha1,
    mode: z.number().int().optional(),
  }),
);
const offset = z.coerce.number().int().nonnegative().default(0);

/** Bits, files of instances and the staging log: everything that is streamed. */
export function fileRoutes(services: Services): Router {
  const router = Router();
  const { bits, instances, staging } = services;

  const upload = async (request: Request<{ name: string }>, response: Response): Promise<void> => {
    const app = await ownApp(services, response, request.params.name);
    await uploadBits(services, callerOf(response), callOf(response), app, request);
    sendEmpty(response);
  };
  router.put('/apps/:name/application', upload);
  router.post('/apps/:name/application', upload);
  router.get('/apps/:name/application', async (request, response) => {
    const app = await ownApp(services, response, request.params.name);
    const found = await bits.openPackage(app.guid);
    if (!found) throw new ApiError(301);
    await sendStream(response, found.body, {
      headers: { 'Content-Type': 'application/zip', 'Content-Length': String(found.size) },
    });
  });

  router.get('/apps/:name/resources', async (request, response) => {
    const app = await ownApp(services, response, request.params.name);
    const files = await bits.packageFiles(app);
    if (!files) throw new ApiError(303, 'list of files');
    response.json(files);
  });

  router.post('/resources', async (request, response) => {
    const { user } = callerOf(response);
    const list = resourceList.safeParse(Array.isArray(request.body) ? request.body : []);
    if (!list.success) throw new ApiError(100, 'every resource needs fn, size and a hexadecimal sha1');
    response.json(await bits.match(user.orgGuid, list.data));
  });

  router.get(
    ['/apps/:name/instances/:id/files', '/apps/:name/instances/:id/files/*path'],
    async (request, response) => {
      const { name, id } = request.params as { name: string; id: string };
      const { path } = request.params as { path?: string[] };
      const app = await ownApp(services, response, name);
      if (app.state !== 'STARTED') throw new ApiError(305);
      const byIndex = /^\d{1,10}$/.test(id);
      if (byIndex && Number(id) >= app.instances) throw new ApiError(304, id);
      const target = byIndex ? { index: Number(id) } : { instanceId: id };
      const wanted = `/${(path ?? []).join('/').replace(/^\/+/, '')}`;
      const file = await instances.openFile(
        app,
        target,
        wanted,
        request.get('range'),
        callOf(response).trace,
      );
      if (file.ok) {
        await sendStream(response, file.body, { status: file.status, headers: file.headers });
        return;
      }
      throw file.reason === 'not-found' ? new ApiError(303, wanted) : new ApiError(306, wanted);
    },
  );

  router.get('/apps/:name/staging/log', async (request, response) => {
    const app = await ownApp(services, response, request.params.name);
    const from = offset.safeParse(request.query['offset']);
    if (!from.success) throw new ApiError(100, 'offset must be a number of bytes');
    const log = await staging.openLog(app, from.data);
    if (!log) throw new ApiError(303, 'staging log');
    await sendStream(response, log.body, {
      headers: {
        'Content-Type': 'text/plain; charset=utf-8',
        'X-Staging-Complete': String(log.complete),
        // Another one means: the text begins anew.
        ...(app.stagingTaskId !== null && { 'X-Staging-Task': app.stagingTaskId }),
      },
    });
  });
  return router;
}
