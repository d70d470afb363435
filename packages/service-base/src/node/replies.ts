import type { Logger, ServiceFailure, Trace } from '@vcap/bus';
import { ServiceError, serviceErrors } from '@vcap/service-api';

/** What a failed request is answered; what is no ServiceError is logged here and told as an internal error only. */
export function failureOf(error: unknown, what: string, log: Logger, trace: Trace): ServiceFailure {
  const told = error instanceof ServiceError ? error : new ServiceError(serviceErrors.internal, what);
  if (told !== error)
    log.error({ event: 'operation-failed', operation: what, trace_id: trace.traceId, err: error });
  else log.info({ event: 'operation-refused', operation: what, trace_id: trace.traceId, code: told.code });
  return {
    success: false,
    error: {
      status: told.status,
      msg: { code: told.code, description: told.message },
      ...(told.retryElsewhere ? { retry_elsewhere: true } : {}),
    },
  };
}

/** The name given to a create exists already and is not ours to touch; nothing is undone then. */
export class AlreadyExistsError extends ServiceError {
  constructor(what: string) {
    super(serviceErrors.internal, `${what} exists already`);
  }
}
