import { z } from 'zod';
import { VmcError } from '../errors.ts';

const schema = z.looseObject({
  hostname: z.string().min(1).optional(),
  host: z.string().min(1).optional(),
  port: z.coerce.number().int().min(1).max(65_535),
  username: z.string().optional(),
  user: z.string().optional(),
  password: z.string().optional(),
  name: z.string().optional(),
  db: z.string().optional(),
  url: z.string().optional(),
  vhost: z.string().optional(),
});

/** What a program needs to reach a service, in one form for all vendors (caldecott.md §3.2). */
export interface ServiceAccess {
  host: string;
  port: number;
  user: string | undefined;
  password: string | undefined;
  /** The database, where the vendor has such. */
  name: string | undefined;
  /** All of the credentials, as texts, for templates. */
  fields: Record<string, string>;
}

/** Reads credentials. Throws VmcError for a service that no program can connect to. */
export function accessOf(vendor: string, credentials: unknown): ServiceAccess {
  const found = schema.safeParse(vendor === 'rabbitmq' ? fromUrl(credentials) : credentials);
  const host = found.data?.hostname ?? found.data?.host;
  if (!found.success || host === undefined)
    throw new VmcError('The service has no host and port', {
      hint: 'Only services that are reached over TCP can be tunnelled to.',
    });
  const { port, username, user, password, name, db } = found.data;
  const texts = Object.entries(found.data).flatMap(([key, value]) =>
    typeof value === 'string' || typeof value === 'number' ? [[key, String(value)] as const] : [],
  );
  return {
    host,
    port,
    user: username ?? user,
    password,
    name: vendor === 'mongodb' ? (db ?? name) : vendor === 'redis' ? undefined : name,
    fields: Object.fromEntries(texts),
  };
}

/** Message brokers tell everything in their address. */
function fromUrl(credentials: unknown): unknown {
  const { url } = (credentials ?? {}) as { url?: unknown };
  const parsed = typeof url === 'string' ? URL.parse(url) : null;
  if (parsed === null) return credentials;
  return {
    ...(credentials as object),
    hostname: parsed.hostname,
    port: parsed.port,
    vhost: decodeURIComponent(parsed.pathname.slice(1)),
    user: decodeURIComponent(parsed.username),
    password: decodeURIComponent(parsed.password),
  };
}
