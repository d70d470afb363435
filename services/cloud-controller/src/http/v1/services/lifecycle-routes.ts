/* oxlint-disable oxc/no-async-endpoint-handlers -- Express 5 hands rejections to the error handler */
import { Router } from 'express';
import type { Request, Response } from 'express';
import {
  gatewayPaths,
  jobSchema,
  serializedDataSchema,
  serializedUrlSchema,
  snapshotListSchema,
  snapshotNameSchema,
  snapshotSchema,
} from '@vcap/service-api';
import { z } from 'zod';
import { audit } from '../../../actions/context.ts';
import type { Services } from '../../../actions/context.ts';
import { ownInstance } from '../../../actions/services/binding-tokens.ts';
import { targetOf } from '../../../actions/services/gateway-calls.ts';
import type { GatewayRequest } from '../../../adapters/gateway-client.ts';
import { ApiError, GatewayError } from '../../../errors.ts';
import { callOf, callerOf } from '../../call-context.ts';
import { readBody } from './read-body.ts';

type Params = { id: string; snapshot: string; job: string };
interface Route {
  method: 'get' | 'post' | 'put' | 'delete';
  /** Below `/services/v1/configurations/:id`. */
  path: string;
  /** What the gateway is asked, given its id of the instance. */
  ask: (id: string, params: Params) => string;
  body?: z.ZodType;
  answer: z.ZodType;
}

const nothing = z.looseObject({});
/** The gateway has the last word: what a row accepts and answers is the contract with it. */
const ROUTES: readonly Route[] = [
  { method: 'post', path: '/snapshots', ask: gatewayPaths.snapshots, answer: jobSchema },
  { method: 'get', path: '/snapshots', ask: gatewayPaths.snapshots, answer: snapshotListSchema },
  { method: 'get', path: '/snapshots/:snapshot', ask: one(gatewayPaths.snapshot), answer: snapshotSchema },
  { method: 'put', path: '/snapshots/:snapshot', ask: one(gatewayPaths.snapshot), answer: jobSchema },
  { method: 'delete', path: '/snapshots/:snapshot', ask: one(gatewayPaths.snapshot), answer: jobSchema },
  {
    method: 'post',
    path: '/snapshots/:snapshot/name',
    ask: one(gatewayPaths.snapshotName),
    body: snapshotNameSchema,
    answer: nothing,
  },
  {
    method: 'post',
    path: '/serialized/url/snapshots/:snapshot',
    ask: one(gatewayPaths.serializedUrl),
    answer: jobSchema,
  },
  {
    method: 'get',
    path: '/serialized/url/snapshots/:snapshot',
    ask: one(gatewayPaths.serializedUrl),
    answer: serializedUrlSchema,
  },
  {
    method: 'put',
    path: '/serialized/url',
    ask: gatewayPaths.importUrl,
    body: serializedUrlSchema,
    answer: jobSchema,
  },
  {
    method: 'put',
    path: '/serialized/data',
    ask: gatewayPaths.importData,
    body: serializedDataSchema,
    answer: jobSchema,
  },
  { method: 'get', path: '/jobs/:job', ask: (id, { job }) => gatewayPaths.job(id, job), answer: jobSchema },
];

function one(path: (id: string, snapshot: string) => string): Route['ask'] {
  return (id, { snapshot }) => path(id, snapshot);
}

/** Snapshots, exports, imports and their jobs (api-v1.md §1.6): handed on to the instance's gateway. */
export function lifecycleRoutes(services: Services): Router {
  const router = Router();
  for (const route of ROUTES) {
    router[route.method](`/services/v1/configurations/:id${route.path}`, (request: Request, response) =>
      handOn(services, route, request, response),
    );
  }
  return router;
}

async function handOn(services: Services, route: Route, request: Request, response: Response): Promise<void> {
  const caller = callerOf(response);
  const call = callOf(response);
  const params = request.params as unknown as Params;
  const instance = await ownInstance(services, caller, params.id);
  if (instance.gatewayName === null || instance.state !== 'created') throw new ApiError(500);
  const body = route.body && readBody(route.body, request.body);
  checkSize(services, body);
  const method = route.method.toUpperCase() as GatewayRequest['method'];
  const gatewayRequest = {
    method,
    path: route.ask(instance.gatewayName, params),
    ...(body !== undefined && { body }),
  };
  const target = await targetOf(services, instance);
  const answer = await services.gateways.call(target, gatewayRequest, route.answer, call.trace);
  if (answer.kind === 'refused' && answer.code !== undefined) {
    throw new GatewayError(answer.status, answer.code, answer.reason);
  }
  if (answer.kind !== 'ok') throw new ApiError(503, answer.reason);
  if (method !== 'GET') {
    await audit(services, caller, call, {
      type: 'service.lifecycle',
      targetType: 'service_instance',
      target: instance.name,
      detail: { guid: instance.guid, asked: `${method} ${route.path}`, snapshot: params.snapshot },
    });
  }
  response.json(answer.value);
}

function checkSize(services: Services, body: unknown): void {
  const { data } = (body ?? {}) as { data?: unknown };
  const most = services.config.service_lifecycle.max_upload_bytes;
  if (typeof data === 'string' && data.length > most) {
    throw new ApiError(100, `data has ${data.length} bytes, ${most} are allowed: import it from a URL`);
  }
}
