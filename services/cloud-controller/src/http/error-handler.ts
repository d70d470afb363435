import type { ErrorRequestHandler } from 'express';
import { ApiError, GatewayError } from '../errors.ts';
import { callOf } from './call-context.ts';

/** Turns whatever was thrown into the API's error JSON. What is not in the table is logged and becomes 111. */
export function errorHandler(): ErrorRequestHandler {
  return (error: unknown, _request, response, next) => {
    const { log } = callOf(response);
    const answer = toApiError(error);
    if (answer.status >= 500) log.error({ event: 'call-failed', code: answer.code, err: error });
    else log.info({ event: 'call-refused', code: answer.code, description: answer.description });
    if (response.headersSent) {
      next(error);
      return;
    }
    response.status(answer.status).json({ code: answer.code, description: answer.description });
  };
}

function toApiError(error: unknown): ApiError | GatewayError {
  if (error instanceof ApiError || error instanceof GatewayError) return error;
  // Express's own refusals: bad JSON, a body too large, a malformed percent-encoding.
  const { status, type } = error as { status?: unknown; type?: unknown };
  if (error instanceof URIError) return new ApiError(100, 'malformed URL');
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return type === 'entity.too.large' ? new ApiError(100, 'the body is too large') : new ApiError(100);
  }
  return new ApiError(111);
}
