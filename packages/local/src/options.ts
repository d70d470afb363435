import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';

/** How the cluster on this machine is to be. */
export interface LocalOptions {
  /** Holds everything the cluster keeps. */
  home: string;
  /** Port of the first router: where people's browsers and vmc go. */
  port: number;
  domain: string;
  adminEmail: string;
  /** Only when VCAP_ADMIN_PASSWORD is set; else one is made at first start. */
  adminPassword: string | undefined;
  count: Record<Kind, number>;
  /** `process`: applications as plain processes even where containers can be had. */
  isolation: 'auto' | 'process' | 'runc';
}

/** Components that there may be several of. */
export const kinds = ['cloud-controller', 'router', 'stager', 'dea', 'health-manager'] as const;
export type Kind = (typeof kinds)[number];

const schema = z.object({
  home: z.string().min(1),
  port: z.coerce.number().int().min(1).max(65_535),
  domain: z.string().regex(/^[a-z0-9-]+(\.[a-z0-9-]+)*$/i, 'must be a domain name'),
  count: z.coerce.number().int().min(1).max(20),
  isolation: z.enum(['auto', 'process', 'runc']),
});

export const usage = `npm start [-- --dea N --router N --cloud-controller N --stager N --health-manager N]
Environment: VCAP_HOME (data), VCAP_PORT (8080), VCAP_DOMAIN (vcap.localhost), VCAP_ADMIN_PASSWORD,
  VCAP_ISOLATION (auto; process, runc)`;

/** Reads arguments and environment; throws an Error that says which value is wrong. */
export function readOptions(args: string[], env: NodeJS.ProcessEnv, root: string): LocalOptions {
  const number = { type: 'string', default: '1' } as const;
  const { values } = parseArgs({
    args,
    options: {
      ...(Object.fromEntries(kinds.map((kind) => [kind, number])) as Record<Kind, typeof number>),
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) throw new Error(usage);
  const check = <T>(what: string, type: z.ZodType<T>, value: unknown): T => {
    const result = type.safeParse(value);
    if (result.success) return result.data;
    throw new Error(`${what}: ${JSON.stringify(value)} ${result.error.issues[0]?.message ?? 'is not valid'}`);
  };
  const count = (name: Kind): number => check(`--${name}`, schema.shape.count, values[name]);
  return {
    home: resolve((env['VCAP_HOME'] ?? join(root, '.vcap')).replace(/^~(?=\/|$)/, homedir())),
    port: check('VCAP_PORT', schema.shape.port, env['VCAP_PORT'] ?? '8080'),
    domain: check('VCAP_DOMAIN', schema.shape.domain, env['VCAP_DOMAIN'] ?? 'vcap.localhost').toLowerCase(),
    adminEmail: 'admin@vcap.local',
    isolation: check('VCAP_ISOLATION', schema.shape.isolation, env['VCAP_ISOLATION'] ?? 'auto'),
    adminPassword: env['VCAP_ADMIN_PASSWORD'],
    count: Object.fromEntries(kinds.map((kind) => [kind, count(kind)])) as Record<Kind, number>,
  };
}
