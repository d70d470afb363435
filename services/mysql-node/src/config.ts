import { nodeConfigShape } from '@vcap/service-base';
import { z } from 'zod';

const tlsSchema = z.strictObject({
  /** File with the certificates that the server's is checked against. */
  ca: z.string().min(1),
  /** Whether the server's name must be in its certificate; an address is not looked for. */
  verify_name: z.boolean().default(true),
  /** Accounts of tenants may connect with TLS only. */
  require: z.boolean().default(true),
});

/** One database server. The account must be allowed everything, as root is. */
const serverSchema = z.strictObject({
  host: z.string().min(1).default('127.0.0.1'),
  port: z.int().min(1).max(65_535).default(3306),
  user: z.string().min(1).default('root'),
  pass: z.string().default(''),
  /** Used by this node instead of host and port; tenants always come over TCP. */
  socket: z.string().min(1).optional(),
  /** What tenants are told; default: `host`, or this machine's address where that is loopback. */
  public_host: z.string().min(1).optional(),
  public_port: z.int().min(1).max(65_535).optional(),
  mysqldump_bin: z.string().min(1).default('mysqldump'),
  mysql_bin: z.string().min(1).default('mysql'),
  tls: tlsSchema.optional(),
});
export type ServerConfig = z.infer<typeof serverSchema>;

/** Keys of the node's file, under the originals' names (services.md §5.1). */
export const configSchema = z
  .strictObject({
    ...nodeConfigShape,
    /** Servers by version: a version that gateways may ask for. */
    mysql: z
      .record(z.string().regex(/^[A-Za-z0-9._-]{1,32}$/, 'not a version'), serverSchema)
      .refine((servers) => Object.keys(servers).length > 0, 'needs at least one server'),
    /** Must all be keys of `mysql`; default: all of them. */
    supported_versions: z.array(z.string()).optional(),
    default_version: z.string().optional(),
    /** For files of short life; default: beside `local_db`. */
    base_dir: z.string().optional(),
    /** MB of one instance. */
    max_db_size: z.number().positive().default(20),
    /** Share of `max_db_size` below which writing is given back. */
    quota_resume_share: z.number().positive().lt(1).default(0.9),
    /** Seconds from one look at the sizes to the next. */
    quota_interval: z.number().positive().default(1),
    /** Seconds that a query of a tenant may run; 0: no limit. */
    max_long_query: z.number().min(0).default(60),
    /** Seconds that a transaction of a tenant may be open; 0: no limit. */
    max_long_tx: z.number().min(0).default(300),
    /** Seconds instead of these two for what only reads and waits for its client; 0: no limit. */
    max_slow_read: z.number().min(0).default(3600),
    /** False: long transactions are counted and left alone. */
    kill_long_tx: z.boolean().default(true),
    /** Connections of one account at a time; 0: no limit. */
    max_user_conns: z.int().min(0).default(20),
    connection_pool_size: z
      .strictObject({ min: z.int().min(1).default(5), max: z.int().min(1).default(10) })
      .prefault({}),
    /** Seconds that an operation waits for a connection, and a connection for its server. */
    connection_wait_timeout: z.number().positive().default(10),
    /** Tell tenants this machine's name instead of its address. */
    fqdn_hosts: z.boolean().default(false),
  })
  .superRefine((config, context) => {
    const known = Object.keys(config.mysql);
    for (const version of [...(config.supported_versions ?? []), config.default_version ?? known[0] ?? '']) {
      if (!known.includes(version))
        context.addIssue({ code: 'custom', path: ['mysql'], message: `no server for version ${version}` });
    }
  });
export type Config = z.infer<typeof configSchema>;

/** The versions that are offered, the default first. */
export function versionsOf(config: Config): string[] {
  const versions = config.supported_versions ?? Object.keys(config.mysql);
  const first = config.default_version ?? versions[0];
  return versions.toSorted((a, b) => Number(b === first) - Number(a === first));
}
