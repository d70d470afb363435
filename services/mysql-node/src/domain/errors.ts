import { ServiceError } from '@vcap/service-base';
import type { ServiceErrorSpec } from '@vcap/service-base';

/** MySQL's own range of the error table (services.md §4.4). */
export const mysqlErrors = Object.freeze({
  diskFull: { code: 31001, status: 500, text: 'The data is larger than the plan allows: %s' },
  instanceNotFound: { code: 31002, status: 404, text: 'MySQL instance %s not found' },
  bindingNotFound: { code: 31003, status: 404, text: 'MySQL credential %s not found' },
  badData: { code: 31007, status: 400, text: 'Not usable for MySQL: %s' },
  loadFailed: {
    code: 30803,
    status: 500,
    text: 'The dump could not be loaded, the old data is in place: %s',
  },
  dumpFailed: { code: 30504, status: 500, text: 'The dump failed: %s' },
  serverAway: { code: 30600, status: 503, text: 'The MySQL server does not answer: %s' },
} satisfies Record<string, ServiceErrorSpec>);

export const badData = (what: string): ServiceError => new ServiceError(mysqlErrors.badData, what);
export const notFound = (spec: ServiceErrorSpec, what: string): ServiceError => new ServiceError(spec, what);
