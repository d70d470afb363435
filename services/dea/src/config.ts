import { z } from 'zod';
import { baseConfigShape } from '@vcap/component';
import { egressRule } from './instance/container-spec.ts';

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
  /** Holds instances/, logs/, droplets/, tmp/, db/ and warden/. */
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
  /**
   * A port rests this long before another instance gets it: more than twice the routers' `registry.vouch_seconds`, so that
   * one who lost touch with the bus has asked whose it is before it is anybody else's.
   */
  port_cooldown: z.number().min(0).default(60),
  /** From the start of a program until it must be ready; the start message's own wins. */
  health_check_timeout: z.number().positive().default(60),
  /** After that: how often a serving instance is asked, how long it may take, how many failures are a crash. */
  liveness: z
    .strictObject({
      interval: z.number().positive().default(10),
      timeout: z.number().positive().default(5),
      failures: z.int().positive().default(3),
    })
    .prefault({}),
  /** Between TERM and KILL; the start message's own wins, up to `max_stop_grace`. */
  stop_grace: z.number().min(0).default(10),
  max_stop_grace: z.number().min(0).default(600),
  /**
   * On USR2: when to leave whatever still runs, how long a replaced instance gets after its route is gone, and after
   * how long without any other DEA there is nowhere to go; without it, another one is waited for until the end.
   */
  evacuation: z
    .strictObject({
      bail_out_time: z.number().positive().default(600),
      drain: z.number().min(0).default(2),
      alone_time: z.number().positive().optional(),
    })
    .prefault({}),
  crash_lifetime: z.number().positive().default(3600),
  crash_sweep: z.number().positive().default(10),
  /** How many crashed instances of an application are kept, and how much all of them may take together. */
  crashes_per_app: z.int().positive().default(5),
  crash_disk_mb: z.number().positive().default(2048),
  /** Unused droplets are removed, the longest unused first, when the cache is larger. */
  droplet_cache_mb: z.number().min(0).default(2048),
  /** Size in bytes at which stdout.log and stderr.log are rotated; one older generation is kept. */
  log_file_bytes: z
    .int()
    .positive()
    .default(5 * 1024 * 1024),
  log_stream: z
    .strictObject({
      /** Between looks at the files. */
      interval: z.number().positive().default(0.2),
      /** Of stdout and of stderr of each instance; what is more is counted and left out. */
      lines_per_second: z.number().positive().default(2000),
      bytes_per_second: z
        .number()
        .positive()
        .default(512 * 1024),
      burst_lines: z.number().positive().default(20_000),
      burst_bytes: z
        .number()
        .positive()
        .default(4 * 1024 * 1024),
      /** Bytes of numbered lines kept for each instance, in two files. */
      keep_bytes: z
        .int()
        .positive()
        .default(2 * 1024 * 1024),
      /** How long the lines of a stopped instance can still be read. */
      linger: z.number().min(0).default(60),
    })
    .prefault({}),
  /** `auto`: runc where it can be had, else plain processes with a warning. */
  isolation: z.enum(['auto', 'runc', 'process']).default('auto'),
  /** Given to every container where the start message says nothing else. */
  container: z
    .strictObject({
      inodes: z.int().positive().default(200_000),
      pids: z.int().positive().default(512),
      /** MB of memory for one CPU share, and the bounds of shares. */
      memory_to_cpu_share_ratio: z.number().positive().default(8),
      min_cpu_share: z.int().positive().default(1),
      max_cpu_share: z.int().positive().default(256),
      bandwidth: z
        .strictObject({ rate_bytes: z.number().positive(), burst_bytes: z.number().positive() })
        .optional(),
      /** What every application may reach besides the default. */
      egress: z.array(egressRule).default([]),
      /** Networks closed to applications besides the private ones, this host and the bus. */
      also_denied: z.array(z.string()).default([]),
      /** Addresses of containers, name servers they use, first user id on the host: the warden's own by default. */
      network: z.string().optional(),
      name_servers: z.array(z.string()).optional(),
      first_uid: z.int().positive().optional(),
      /** Directory with the userland of the stack; the host's own when it is left out. */
      rootfs: z.string().optional(),
    })
    .prefault({}),
  sample_interval: z.number().positive().default(2),
  /** File server: 0 takes a free port. */
  file_server_port: z.int().min(0).max(65_535).default(0),
  /** true: TERM and INT end every instance; false: they run on and the next DEA adopts them. */
  stop_instances_on_shutdown: z.boolean().default(true),
  runtimes: z.record(z.string(), runtime).default(defaultRuntimes),
});
export type DeaConfig = z.infer<typeof configSchema>;
