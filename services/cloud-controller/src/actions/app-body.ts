import { z } from 'zod';
import { ApiError } from '../errors.ts';

const MAX_ENV_BYTES = 1_000_000;
/** Names and values go through shells, headers and C strings: no NUL. */
const text = (max: number) =>
  z
    .string()
    .max(max)
    .refine((value) => !value.includes('\0'), 'must not contain NUL');
const count = (max: number) => z.number().int().min(0).max(max);

/** What POST and PUT take. Absent means unchanged; keys we do not know are passed over, as clients send some. */
const appBody = z.object({
  name: z.string().optional(),
  staging: z
    .object({
      framework: text(255).nullish(),
      model: text(255).nullish(),
      runtime: text(255).nullish(),
      stack: text(255).nullish(),
      command: text(16_384).nullish(),
    })
    .nullish(),
  uris: z.array(z.string()).nullish(),
  instances: count(10_000).nullish(),
  resources: z.object({ memory: z.number().int().min(1).max(1_000_000).nullish() }).nullish(),
  state: z.string().nullish(),
  env: z.array(text(MAX_ENV_BYTES)).nullish(),
  services: z.array(z.string()).nullish(),
  debug: text(255).nullish(),
  console: z.boolean().nullish(),
  meta: z
    .object({
      version: z.number().int().nullish(),
      debug: text(255).nullish(),
      command: text(16_384).nullish(),
    })
    .nullish(),
});

/** The wishes of one request, in our words. Undefined means: as it is. */
export interface AppWishes {
  name: string | undefined;
  framework: string | undefined;
  /** Null asks for the framework's default. */
  runtime: string | null | undefined;
  command: string | null | undefined;
  uris: string[] | undefined;
  instances: number | undefined;
  memoryMb: number | undefined;
  state: 'STARTED' | 'STOPPED' | undefined;
  env: string[] | undefined;
  services: string[] | undefined;
  debug: string | null;
  console: boolean;
  metaVersion: number | undefined;
}

/** Reads the body. Throws 300 for wrong shapes, 200 for reserved environment names. */
export function readAppBody(body: unknown): AppWishes {
  const result = appBody.safeParse(body);
  if (!result.success) {
    const issue = result.error.issues[0];
    throw new ApiError(300, `${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim());
  }
  const { data } = result;
  const staging = data.staging ?? {};
  return {
    name: data.name,
    framework: staging.framework ?? staging.model ?? undefined,
    runtime: staging.runtime ?? staging.stack ?? (data.staging ? null : undefined),
    command: staging.command ?? data.meta?.command ?? undefined,
    uris: data.uris ?? undefined,
    instances: data.instances ?? undefined,
    memoryMb: data.resources?.memory ?? undefined,
    state: readState(data.state),
    env: data.env ? readEnv(data.env) : undefined,
    services: data.services ?? undefined,
    debug: data.debug ?? null,
    console: data.console ?? false,
    metaVersion: data.meta?.version ?? undefined,
  };
}

function readState(state: string | null | undefined): AppWishes['state'] {
  const upper = state?.toUpperCase();
  if (upper === undefined || upper === 'STARTED' || upper === 'STOPPED') return upper;
  throw new ApiError(300, `state must be STARTED or STOPPED, not ${state}`);
}

/** Items are `NAME=value`; exact doubles go, and names that the platform sets itself are refused. */
function readEnv(items: readonly string[]): string[] {
  const env = [...new Set(items)];
  if (env.reduce((sum, item) => sum + item.length, 0) > MAX_ENV_BYTES)
    throw new ApiError(300, 'env is too large');
  for (const item of env) {
    const name = /^\s*([^=]+?)\s*=/.exec(item)?.[1];
    if (name === undefined) throw new ApiError(300, 'every env item must be NAME=value');
    if (/^(vcap|vmc)_/i.test(name)) throw new ApiError(200);
    if (!/^[A-Za-z_]\w*$/.test(name)) throw new ApiError(300, `${name} is no environment name`);
  }
  return env;
}
