import { z } from 'zod';

/** The body of every failure; the HTTP status is in the table. */
export const errorBodySchema = z.looseObject({ code: z.int(), description: z.string() });
export type ErrorBody = z.infer<typeof errorBodySchema>;

/** One row of an error table: its number on the wire, its HTTP status and its text with `%s` for what was wrong. */
export interface ServiceErrorSpec {
  code: number;
  status: number;
  text: string;
}

/** What every service may answer (services.md §4.4); services add their own from 31001. */
export const serviceErrors = Object.freeze({
  contentType: { code: 30000, status: 400, text: 'Invalid Content-Type: send application/json' },
  malformed: { code: 30001, status: 400, text: 'Malformed request: %s' },
  unknownLabel: { code: 30002, status: 400, text: 'Unknown label or plan id: %s' },
  unknownPlan: { code: 30003, status: 400, text: 'Unknown plan %s' },
  unsupportedVersion: { code: 30004, status: 400, text: 'Unsupported version %s' },
  notAuthorized: { code: 30100, status: 401, text: 'Not authorized: the service token is missing or wrong' },
  notFound: { code: 30300, status: 404, text: '%s not found' },
  internal: { code: 30500, status: 500, text: 'Internal Error: %s' },
  notEnabled: { code: 30501, status: 501, text: '%s is not enabled for this plan' },
  nodeTimeout: { code: 30502, status: 500, text: 'The node did not finish in time: %s' },
  startTimeout: { code: 30503, status: 500, text: 'The service did not start in time: %s' },
  commandFailed: { code: 30504, status: 500, text: 'A command failed: %s' },
  unavailable: { code: 30600, status: 503, text: 'Service unavailable: %s' },
  gatewayTimeout: { code: 30700, status: 504, text: 'No answer from the node in time: %s' },
  snapshotQuota: { code: 30800, status: 500, text: 'No more snapshots: %s' },
  lockTimeout: { code: 30801, status: 500, text: 'Another job of this service did not end in time: %s' },
  jobTimeout: { code: 30802, status: 500, text: 'The job took too long: %s' },
  invalidFile: { code: 30803, status: 500, text: 'Not a usable serialized file: %s' },
  fileTooLarge: { code: 30804, status: 400, text: 'The serialized file is too large: %s' },
  redirects: { code: 30805, status: 400, text: 'Too many redirects: %s' },
  corruptFile: { code: 30806, status: 400, text: 'The serialized file is corrupt: %s' },
  redisConflict: { code: 30807, status: 500, text: 'Changed by another request at the same time: %s' },
  snapshotName: { code: 30808, status: 400, text: 'Not a snapshot name: %s' },
} satisfies Record<string, ServiceErrorSpec>);

/** A failure that the user is told, with the originals' code. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly code: number;
  readonly status: number;
  /** Nothing was made, and another node may have room. */
  readonly retryElsewhere: boolean;

  constructor(
    spec: ServiceErrorSpec,
    what = '',
    options: { cause?: unknown; retryElsewhere?: boolean } = {},
  ) {
    super(
      spec.text.replace('%s', () => what),
      options.cause === undefined ? {} : { cause: options.cause },
    );
    this.code = spec.code;
    this.status = spec.status;
    this.retryElsewhere = options.retryElsewhere ?? false;
  }

  /** From an answer of a peer, whose code may be in no table of ours. */
  static from(status: number, body: ErrorBody): ServiceError {
    return new ServiceError({ code: body.code, status, text: '%s' }, body.description);
  }

  /** `{code, description}` */
  get body(): ErrorBody {
    return { code: this.code, description: this.message };
  }
}
