import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { childTrace, fromTraceparent, newTrace } from '@vcap/bus';
import { ApiError } from '../errors.ts';
import { isAdmin } from '../actions/context.ts';
import type { Call, Caller, Services } from '../actions/context.ts';

interface Locals {
  call: Call;
  caller: Caller | undefined;
}

/** The trace and logger of this request. */
export function callOf(response: Response): Call {
  return (response.locals as Locals).call;
}

/** The authenticated caller. Throws 200 for an anonymous one: a bad token is the same as none. */
export function callerOf(response: Response): Caller {
  const caller = maybeCaller(response);
  if (!caller) throw new ApiError(200);
  return caller;
}

export function maybeCaller(response: Response): Caller | undefined {
  return (response.locals as Locals).caller;
}

/** Opens the call's trace, or joins the one of `traceparent`, and logs the answer when it is sent. */
export function traceCalls(services: Services): RequestHandler {
  return (request, response, next) => {
    const parent = fromTraceparent(request.get('traceparent'));
    const trace = parent ? childTrace(parent) : newTrace();
    const log = services.log.child({ trace_id: trace.traceId });
    (response.locals as Locals).call = { trace, log };
    response.set('X-Vcap-Request-Id', trace.traceId);
    const startedAt = services.clock.monotonic();
    response.on('close', () => {
      log.info({
        event: 'api-call',
        method: request.method,
        // Query strings can hold one-time tokens.
        path: request.originalUrl.replace(/\?.*$/s, ''),
        status: response.statusCode,
        completed: response.writableFinished,
        user: maybeCaller(response)?.real.email,
        duration_ms: Math.round(services.clock.monotonic() - startedAt),
      });
    });
    next();
  };
}

/** Works out who calls from Authorization and PROXY-USER. */
export function authenticate(services: Services): RequestHandler {
  return async (request: Request, response: Response, next: NextFunction) => {
    (response.locals as Locals).caller = await readCaller(services, request);
    next();
  };
}

async function readCaller(services: Services, request: Request): Promise<Caller | undefined> {
  const token = request.get('authorization')?.replace(/^bearer\s+/i, '');
  const proxied = request.get('proxy-user')?.trim();
  const claims = token ? services.settings.tokens.read(token.trim(), services.clock.now()) : undefined;
  const real = claims ? await services.store.users.byEmail(claims.email) : undefined;
  const valid =
    real?.guid === claims?.userGuid && real?.passwordEpoch === claims?.passwordEpoch ? real : undefined;
  if (!proxied) return valid && { user: valid, real: valid };
  if (!valid || !isAdmin(services, valid.email)) throw new ApiError(200);
  const user = await services.store.users.byEmail(proxied);
  if (!user) throw new ApiError(201);
  return { user, real: valid };
}
