import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { baseConfigShape } from '@vcap/component';
import { z } from 'zod';

const egressRule = z.strictObject({
  protocol: z.enum(['tcp', 'udp', 'icmp', 'all']),
  /** An IPv4 address, a network or a range. */
  destination: z.string().regex(/^[\d.]+(\/\d+|-[\d.]+)?$/, 'must be an IPv4 address, a network or a range'),
  ports: z
    .string()
    .regex(/^\d{1,5}(-\d{1,5})?$/, 'must be like 3306 or 3000-4000')
    .exactOptional(),
});

/** The stager's configuration file; defaults are for one host. */
export const stagerConfigSchema = z.strictObject({
  ...baseConfigShape,
  /** Address in the log URLs; default: the address that the component found for itself. */
  ip: z.string().optional(),
  /** Port of the log server; 0 takes a free one. */
  port: z.number().int().min(0).max(65535).default(0),
  /** Where task logs are shared; without `uri` they live in this process only. */
  redis: z.strictObject({ uri: z.string().optional() }).default({}),
  /** Tasks at once; further ones are refused. */
  max_active_tasks: z.number().int().min(1).default(4),
  /** Kept between the tasks of each app: packages that npm, pip and bundler downloaded. */
  cache_dir: z.string().default(join(tmpdir(), 'vcap-stager-cache')),
  /** Bounds of that: for one app, for all of them (the longest unused go first), and days without use. */
  cache: z
    .strictObject({
      app_mb: z.number().positive().default(256),
      total_mb: z.number().positive().default(4096),
      days: z.number().positive().default(30),
    })
    .prefault({}),
  /** Holds one workspace per task, and what its container needs. */
  base_dir: z.string().default(join(tmpdir(), 'vcap-stager')),
  /** Longest task in seconds; a request may ask for less. */
  max_staging_duration: z.number().positive().default(900),
  /** How long running tasks may go on once the stager was told to end; what then still runs is ended. */
  drain_timeout: z.number().min(0).default(5),
  /** Memory advertised for each free task slot, and the ceiling of a task. */
  memory_limit_mb: z.number().int().min(16).default(1024),
  /** Ceiling of all that a task writes, the app's files included; an app's own disk limit counts when it is larger. */
  disk_limit_mb: z.number().int().positive().default(2048),
  /** `auto`: runc where it can be had, else plain processes with a warning. */
  isolation: z.enum(['auto', 'runc', 'process']).default('auto'),
  /** Makes the next task's container while nobody waits for it; it rests in about 1 MB of memory. */
  spare_container: z.boolean().default(true),
  /** Of each task's container; held with `runc` only. */
  container: z
    .strictObject({
      inodes: z.number().int().positive().default(200_000),
      pids: z.number().int().positive().default(512),
      fds: z.number().int().min(64).default(4096),
      /** Processors it may use; all of them, by weight, when it is left out. */
      cpu_cores: z.number().positive().optional(),
      bandwidth: z
        .strictObject({ rate_bytes: z.number().positive(), burst_bytes: z.number().positive() })
        .optional(),
      /** What build scripts may reach beside the internet and the proxies and registries in `compile_env`. */
      egress: z.array(egressRule).default([]),
      /** Networks closed to them besides the private ones, this host, the bus and Redis. */
      also_denied: z.array(z.string()).default([]),
      /** Directories of the host that they see beside its userland. */
      read_only_paths: z.array(z.string()).default([]),
      /** Addresses of containers, name servers they use, first user id on the host: the warden's own by default. */
      network: z.string().optional(),
      name_servers: z.array(z.string()).optional(),
      first_uid: z.number().int().positive().optional(),
      /** Directory with the userland of the stack; the host's own when it is left out. */
      rootfs: z.string().optional(),
    })
    .prefault({}),
  /** Names of the stager's own variables that compile commands may see. */
  compile_env: z
    .array(z.string())
    .default([
      'http_proxy',
      'https_proxy',
      'no_proxy',
      'HTTP_PROXY',
      'HTTPS_PROXY',
      'NO_PROXY',
      'SSL_CERT_FILE',
      'SSL_CERT_DIR',
      'NODE_EXTRA_CA_CERTS',
      'npm_config_registry',
      'PIP_CERT',
      'PIP_INDEX_URL',
      'PIP_EXTRA_INDEX_URL',
      'PIP_FIND_LINKS',
      'LANG',
      'LC_ALL',
    ]),
});

/** Parsed {@link stagerConfigSchema}. */
export type StagerConfig = z.infer<typeof stagerConfigSchema>;
