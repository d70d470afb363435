import { z } from 'zod';
import { baseConfigShape } from '@vcap/component';

const runtime = z.strictObject({
  /** Path or name of the program; a name is looked for in PATH. */
  executable: z.string().min(1),
  version_flag: z.string().default('--version'),
  /** Regular expression that the output must match; its first group, if any, is the version told to users. */
  version: z.string().default(String.raw`(\d+\.\d+(?:\.\d+)?)`),
  description: z.string().optional(),
});
export type RuntimeConfig = z.infer<typeof runtime>;

const defaultRuntimes = (): Record<string, RuntimeConfig> => ({
  node: runtime.parse({ executable: process.execPath, version: String.raw`v(\d+\.\d+\.\d+)` }),
  python3: runtime.parse({ executable: 'python3' }),
  ruby: runtime.parse({ executable: 'ruby' }),
});

/** Configuration of a DEA; durations are in seconds, sizes in MB unless the name says otherwise. */
export const configSchema = z.strictObject({
  ...baseConfigShape,
  /** Holds instances/, droplets/, tmp/, db/ and warden/. */
  base_dir: z.string().min(1),
  resources: z
    .strictObject({
      memory_mb: z.int().positive().default(2048),
      disk_mb: z.int().positive().default(16_384),
    })
    .prefault({}),
  intervals: z
    .strictObject({
      heartbeat: z.number().positive().default(10),
      advertise: z.number().positive().default(5),
    })
    .prefault({}),
  placement_properties: z.strictObject({ zone: z.string().default('default') }).prefault({}),
  /** First and last port given to applications; keep it clear of the ephemeral ports. */
  port_range: z
    .strictObject({ first: z.int().min(1024).default(61_001), last: z.int().max(65_535).default(65_000) })
    .prefault({})
    .refine(({ first, last }) => first <= last, 'first must not be above last'),
  /** A port rests this long before another instance gets it. */
  port_cooldown: z.number().min(0).default(5),
  health_check_timeout: z.number().positive().default(60),
  /** Between TERM and KILL. */
  stop_grace: z.number().min(0).default(10),
  crash_lifetime: z.number().positive().default(3600),
  crash_sweep: z.number().positive().default(10),
  /** Unused droplets are removed, the longest unused first, when the cache is larger. */
  droplet_cache_mb: z.number().min(0).default(2048),
  /** Size in bytes at which stdout.log and stderr.log are rotated; one older generation is kept. */
  log_file_bytes: z
    .int()
    .positive()
    .default(5 * 1024 * 1024),
  sample_interval: z.number().positive().default(2),
  /** File server: 0 takes a free port. */
  file_server_port: z.int().min(0).max(65_535).default(0),
  /** true: TERM and INT end every instance; false: they run on and the next DEA adopts them. */
  stop_instances_on_shutdown: z.boolean().default(true),
  runtimes: z.record(z.string(), runtime).default(defaultRuntimes),
});
export type DeaConfig = z.infer<typeof configSchema>;
