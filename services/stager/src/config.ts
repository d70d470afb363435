import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { baseConfigShape } from '@vcap/component';
import { z } from 'zod';

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
  /** Kept between tasks: packages that npm and pip downloaded. */
  cache_dir: z.string().default(join(tmpdir(), 'vcap-stager-cache')),
  /** Holds one workspace per task. */
  base_dir: z.string().default(join(tmpdir(), 'vcap-stager')),
  /** Longest task in seconds; a request may ask for less. */
  max_staging_duration: z.number().positive().default(900),
  /** How long running tasks may go on once the stager was told to end; what then still runs is ended. */
  drain_timeout: z.number().min(0).default(5),
  /** Memory advertised for each free task slot, and the ceiling of a task's commands. */
  memory_limit_mb: z.number().int().positive().default(1024),
  /** Unpacked size allowed for an app that states no disk limit. */
  disk_limit_mb: z.number().int().positive().default(2048),
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
