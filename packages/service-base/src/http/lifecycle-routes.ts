import { createHash, timingSafeEqual } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import type { Blobstore } from '@vcap/blobstore';
import {
  gatewayPaths,
  serializedDataSchema,
  serializedUrlSchema,
  ServiceError,
  serviceErrors,
  snapshotNameSchema,
} from '@vcap/service-api';
import { Router } from 'express';
import type { Request } from 'express';
import type { ServiceHandle } from '../gateway/handle-cache.ts';
import type { Lifecycle } from '../jobs/lifecycle.ts';
import { param, parsed, pattern, route } from './app.ts';

/** Snapshots and jobs (services.md §3, §6). */
export function lifecycleRoutes(options: {
  /** Undefined: no lifecycle at all. */
  lifecycle: Lifecycle | undefined;
  find: (id: string) => Promise<ServiceHandle>;
}): Router {
  const router = Router();
  const on = (method: 'get' | 'post' | 'put' | 'delete', path: string, answer: Answer): void => {
    router[method](
      pattern(path),
      route(async (request, response) => {
        if (!options.lifecycle) throw new ServiceError(serviceErrors.notEnabled, 'snapshot');
        const instance = await options.find(param(request, 'id'));
        response.json(await answer(options.lifecycle, instance, request));
      }),
    );
  };
  const { snapshots, snapshot, snapshotName, serializedUrl, importUrl, importData, job } = gatewayPaths;
  on('post', snapshots(':id'), (lifecycle, instance) => lifecycle.create(instance));
  on('get', snapshots(':id'), async (lifecycle, instance) => ({ snapshots: await lifecycle.list(instance) }));
  on('get', snapshot(':id', ':snapshot'), (lifecycle, instance, request) =>
    lifecycle.details(instance, param(request, 'snapshot')),
  );
  on('put', snapshot(':id', ':snapshot'), (lifecycle, instance, request) =>
    lifecycle.rollback(instance, param(request, 'snapshot')),
  );
  on('delete', snapshot(':id', ':snapshot'), (lifecycle, instance, request) =>
    lifecycle.remove(instance, param(request, 'snapshot')),
  );
  on('post', snapshotName(':id', ':snapshot'), async (lifecycle, instance, request) => {
    await lifecycle.rename(instance, param(request, 'snapshot'), nameOf(request));
    return {};
  });
  on('post', serializedUrl(':id', ':snapshot'), (lifecycle, instance, request) =>
    lifecycle.createUrl(instance, param(request, 'snapshot')),
  );
  on('get', serializedUrl(':id', ':snapshot'), async (lifecycle, instance, request) => ({
    url: await lifecycle.url(instance, param(request, 'snapshot')),
  }));
  on('put', importUrl(':id'), (lifecycle, instance, request) =>
    lifecycle.importUrl(instance, parsed(serializedUrlSchema, request).url),
  );
  on('put', importData(':id'), (lifecycle, instance, request) =>
    lifecycle.importData(instance, Buffer.from(parsed(serializedDataSchema, request).data, 'base64')),
  );
  on('get', job(':id', ':job'), (lifecycle, instance, request) =>
    lifecycle.job(instance, param(request, 'job')),
  );
  return router;
}

type Answer = (lifecycle: Lifecycle, instance: ServiceHandle, request: Request) => Promise<unknown>;

function nameOf(request: Request): string {
  const name = snapshotNameSchema.safeParse(request.body);
  if (name.success) return name.data.name;
  throw new ServiceError(serviceErrors.snapshotName, 'it must have 1 to 512 characters');
}

/** Path of {@link downloadRoutes}, as a template. */
export const downloadPath = '/serialized/%{service}/%{name}/snapshots/%{snapshot_id}?token=%{token}';

/** Serialized files for whoever has the token in their URL. */
export function downloadRoutes(options: { lifecycle: Lifecycle; store: Blobstore; service: string }): Router {
  const { lifecycle, store, service } = options;
  const router = Router();
  router.get(
    '/serialized/:service/:id/snapshots/:snapshot',
    route(async (request, response) => {
      const record =
        param(request, 'service') === service
          ? await lifecycle.record(param(request, 'id'), param(request, 'snapshot'))
          : undefined;
      if (!record) throw new ServiceError(serviceErrors.notFound, 'that file');
      const { token } = request.query;
      if (record.token === undefined || typeof token !== 'string' || !same(token, record.token)) {
        throw new ServiceError({ ...serviceErrors.notAuthorized, status: 403 });
      }
      const file = await store.open(record.file);
      if (!file) throw new ServiceError(serviceErrors.notFound, 'that file');
      response.set({
        'Content-Type': 'application/zip',
        'Content-Length': String(file.size),
        'Content-Disposition': `attachment; filename="snapshot-${record.snapshot_id}.zip"`,
        'Cache-Control': 'private, no-store',
      });
      // The reader may go away: then there is nobody to tell.
      await pipeline(file.body, response).catch(() => undefined);
    }),
  );
  return router;
}

function same(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
