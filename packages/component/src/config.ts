import { readFileSync } from 'node:fs';
import { tlsOptionOf } from '@vcap/bus';
import type { BusTls } from '@vcap/bus';
import { parse } from 'yaml';
import { z } from 'zod';

const natsUrl = z.url({ protocol: /^(nats|tls)$/, error: 'must be like nats://user:password@host:4222' });

/** Keys that every component's file may have, under the originals' names. */
export const baseConfigShape = {
  /** One NATS address or several. */
  mbus: z.union([natsUrl.transform((one) => [one]), z.array(natsUrl).min(1)]),
  /** Files for `tls://` in `mbus`, read anew at each connection. */
  mbus_tls: z
    .strictObject({
      /** Authorities, PEM; left out: those that Node.js trusts. */
      ca_file: z.string().min(1).optional(),
      /** Our own certificate and its key, for servers that want one. */
      cert_file: z.string().min(1).optional(),
      key_file: z.string().min(1).optional(),
    })
    .optional(),
  /** Address that other hosts reach this one at; 127.0.0.1 on a one-machine cluster. */
  local_route: z.string().optional(),
  index: z.int().min(0).default(0),
  /** The status server; port 0 takes a free one, absent credentials are made at random. */
  status: z
    .strictObject({
      port: z.int().min(0).max(65_535).default(0),
      user: z.string().optional(),
      password: z.string().optional(),
    })
    .prefault({}),
  logging: z
    .strictObject({ level: z.enum(['debug', 'info', 'warn', 'error', 'fatal']).default('info') })
    .prefault({}),
  pid: z.string().optional(),
};
const base = z.object(baseConfigShape);
export type BaseConfig = z.infer<typeof base>;

/** The configuration cannot be used; the message lists every wrong key with its path. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Variables with this beginning replace single keys: `VCAP_CONFIG_status__port=9000` sets `status.port`. */
const overridePrefix = 'VCAP_CONFIG_';
/** The same with the value in a file, for secrets: `VCAP_CONFIG_FILE_mbus=/run/secrets/mbus`. */
const filePrefix = 'VCAP_CONFIG_FILE_';

/**
 * Reads and validates a component's YAML file once; an unknown key is an error where the schema is strict. Values of
 * overriding variables, and of the files that some of them name, are YAML too: `[a, b]` is a list and `8080` a number.
 */
export function loadConfig<C>(file: string, schema: z.ZodType<C>, env: NodeJS.ProcessEnv = {}): C {
  let value: unknown;
  try {
    value = parse(readFileSync(file, 'utf8')) ?? {};
    for (const [name, text] of Object.entries(env)) {
      if (name.startsWith(filePrefix))
        override(value, name.slice(filePrefix.length), readFileSync(text ?? '', 'utf8'));
      else if (name.startsWith(overridePrefix))
        override(value, name.slice(overridePrefix.length), text ?? '');
    }
  } catch (cause) {
    throw new ConfigError(`${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => `  ${issue.path.join('.') || '(top)'}: ${issue.message}`);
  throw new ConfigError(`${file} is not valid:\n${issues.join('\n')}`);
}

function override(config: unknown, name: string, text: string): void {
  const path = name.split('__');
  const last = path.pop() ?? '';
  let place = config as Record<string, unknown>;
  for (const key of path) {
    if (typeof place[key] !== 'object' || place[key] === null) place[key] = {};
    place = place[key] as Record<string, unknown>;
  }
  place[last] = parse(text);
}

/** The files for TLS to the bus in its own words; throws a ConfigError where they do not fit to the addresses. */
export function busTlsOf({
  mbus,
  mbus_tls: files,
}: Pick<BaseConfig, 'mbus' | 'mbus_tls'>): BusTls | undefined {
  const tls = files && { caFile: files.ca_file, certFile: files.cert_file, keyFile: files.key_file };
  try {
    tlsOptionOf(mbus, tls);
  } catch (cause) {
    throw new ConfigError((cause as Error).message, { cause });
  }
  return tls;
}

const loopback = /^(127\.|localhost$|\[?::1\]?$)/;

/** Refuses the pitfall of a multi-host install: advertising loopback to a bus on another host. */
export function checkLocalRoute(ip: string, mbus: string[]): void {
  const remote = mbus.find((server) => !loopback.test(new URL(server).hostname));
  if (remote === undefined || !loopback.test(ip)) return;
  throw new ConfigError(
    `local_route would advertise ${ip}, but mbus is on ${new URL(remote).host}: others could not reach this ` +
      'component. Set local_route to an address of this host that they can reach.',
  );
}
