import { z } from 'zod';
import { StagingError } from './staging-error.ts';

const httpUrl = z.string().refine((value) => {
  const url = URL.parse(value);
  return url !== null && (url.protocol === 'http:' || url.protocol === 'https:');
}, 'must be an http or https URL');

const id = z.union([z.string(), z.number()]).transform(String).pipe(z.string().min(1).max(256));
const taskId = id.refine((value) => /^[\w.-]+$/.test(value), 'may hold letters, digits, . _ - only');

const requestSchema = z.object({
  app_id: id,
  task_id: taskId,
  download_uri: httpUrl,
  upload_uri: httpUrl,
  timeout_seconds: z.number().positive().nullish(),
  properties: z.object({
    framework: z.string().nullish(),
    buildpack: z.string().nullish(),
    resources: z.object({ disk: z.number().positive().nullish() }).nullish(),
    environment: z.array(z.string()).nullish(),
    meta: z.object({ command: z.string().nullish() }).nullish(),
  }),
});

/** What one staging task needs to know, checked once at the door. */
export interface TaskRequest {
  readonly appId: string;
  readonly taskId: string;
  /** May hold user and password: never log it. */
  readonly downloadUri: string;
  /** Holds a one-time token: never log it. */
  readonly uploadUri: string;
  readonly framework: string | undefined;
  readonly command: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly diskMb: number | undefined;
  readonly timeoutSeconds: number | undefined;
}

/** The task id of a message that may be broken otherwise, for the answer to it. */
export const taskIdOf = (message: unknown): string | null => {
  const parsed = z.object({ task_id: id }).safeParse(message);
  return parsed.success ? parsed.data.task_id : null;
};

/**
 * Reads a `staging.<id>.start` message (nats-messages 1.8).
 * @throws StagingError `BadRequest`, naming the field
 */
export const parseTaskRequest = (message: unknown): TaskRequest => {
  const parsed = requestSchema.safeParse(message);
  if (!parsed.success) {
    const text = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
    throw new StagingError('BadRequest', `staging request is not valid: ${text}`);
  }
  const { properties, ...request } = parsed.data;
  if (properties.buildpack) {
    throw new StagingError('BadRequest', 'buildpacks are not supported: name a framework instead');
  }
  return {
    appId: request.app_id,
    taskId: request.task_id,
    downloadUri: request.download_uri,
    uploadUri: request.upload_uri,
    framework: properties.framework || undefined,
    command: properties.meta?.command?.trim() || undefined,
    environment: parseEnvironment(properties.environment ?? []),
    diskMb: properties.resources?.disk ?? undefined,
    timeoutSeconds: request.timeout_seconds ?? undefined,
  };
};

const parseEnvironment = (lines: readonly string[]): Record<string, string> => {
  const environment: Record<string, string> = {};
  for (const line of lines) {
    const at = line.indexOf('=');
    if (at > 0 && !line.includes('\0')) environment[line.slice(0, at)] = line.slice(at + 1);
  }
  return environment;
};
