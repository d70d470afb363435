import { createHash, timingSafeEqual } from 'node:crypto';
import { fromTraceparent, newTrace } from '@vcap/bus';
import type { Logger, Trace } from '@vcap/bus';
import { ServiceError, serviceErrors, serviceTokenHeader } from '@vcap/service-api';
import express from 'express';
import type { ErrorRequestHandler, Express, Request, RequestHandler, Response, Router } from 'express';
import type { z } from 'zod';

export interface AppOptions {
  log: Logger;
  /** Shared with the cloud controller. */
  token: string;
  /** False: everything is answered 503/30600. A request waits for the answer. */
  ready: () => boolean | Promise<boolean>;
  /** Bytes of a request's body. */
  maxBody: number;
  /** Routes that need no token, such as downloads. */
  open?: Router;
  routes: Router[];
  /** Counts of answers by their class, for /varz. */
  responses: Record<string, number>;
}

/** The rules that all requests to a gateway or broker are under (services.md §3), with its routes. */
export function serviceApp(options: AppOptions): Express {
  const { log, token, ready, maxBody, open, routes, responses } = options;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((_request, response, next) => {
    response.on('finish', () => {
      const key = `responses_${Math.floor(response.statusCode / 100)}xx`;
      responses[key] = (responses[key] ?? 0) + 1;
    });
    next();
  });
  if (open) app.use(open);
  app.use(contentType, authorized(token), async (_request, _response, next) => {
    if (!(await ready())) throw new ServiceError(serviceErrors.unavailable, 'the gateway is starting');
    next();
  });
  app.use(express.json({ limit: maxBody, strict: false }));
  for (const router of routes) app.use(router);
  app.use((request: Request) => {
    throw new ServiceError(serviceErrors.notFound, `${request.method} ${request.path}`);
  });
  app.use(failed(log));
  return app;
}

/** The body by its schema; 30001 says what is wrong with it. */
export function parsed<T>(schema: z.ZodType<T>, request: Request): T {
  const result = schema.safeParse((request.body as unknown) ?? {});
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new ServiceError(
    serviceErrors.malformed,
    `${issue?.path.join('.') || 'body'}: ${issue?.message ?? 'invalid'}`,
  );
}

/** The caller's trace, or a new one. */
export function traceOf(request: Request): Trace {
  return fromTraceparent(request.get('traceparent')) ?? newTrace();
}

/** One word of the path. */
export function param(request: Request, name: string): string {
  const value = request.params[name];
  return typeof value === 'string' ? value : '';
}

/** A handler that takes its time; a rejection goes to the error handler. */
export function route(work: (request: Request, response: Response) => Promise<void>): RequestHandler {
  return async (request, response, next) => {
    try {
      await work(request, response);
    } catch (error) {
      next(error);
    }
  };
}

/** A path of the contract with its words as the router's parameters. */
export function pattern(path: string): string {
  return path.replaceAll('%3A', ':');
}

const contentType: RequestHandler = (request, _response, next) => {
  const type = request.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') throw new ServiceError(serviceErrors.contentType);
  next();
};

function authorized(token: string): RequestHandler {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const expected = digest(token);
  return (request, _response, next) => {
    if (!timingSafeEqual(digest(request.get(serviceTokenHeader) ?? ''), expected)) {
      throw new ServiceError(serviceErrors.notAuthorized);
    }
    next();
  };
}

function failed(log: Logger): ErrorRequestHandler {
  return (cause: unknown, request, response, next) => {
    if (response.headersSent) {
      next(cause);
      return;
    }
    const error = told(cause);
    const fields = { method: request.method, path: request.path, code: error.code };
    if (cause === error) log.info({ event: 'request-refused', ...fields });
    else log.error({ event: 'request-failed', ...fields, err: cause });
    response.status(error.status).json(error.body);
  };
}

function told(cause: unknown): ServiceError {
  if (cause instanceof ServiceError) return cause;
  const { status, message } = cause as { status?: number; message?: string };
  // The body parser's own: no JSON, or too much of it.
  if (status === 413)
    return new ServiceError({ ...serviceErrors.malformed, status }, 'the body is too large');
  if (status !== undefined && status < 500) return new ServiceError(serviceErrors.malformed, message);
  return new ServiceError(serviceErrors.internal, 'see the log of the gateway');
}
