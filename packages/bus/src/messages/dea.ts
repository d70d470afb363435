import { z } from 'zod';
import { defineFamily, defineSubject } from '../subject.ts';
import { empty, id, index, instanceState, seconds, uris } from './common.ts';

const hello = z.looseObject({
  id,
  ip: z.string(),
  port: z.int().optional(),
  version: z.union([z.string(), z.number()]).optional(),
});
export type DeaHello = z.infer<typeof hello>;
export const deaStart = defineSubject({
  name: 'dea.start',
  publishers: ['dea'],
  listeners: ['cloud-controller', 'health-manager', 'tools'],
  when: 'once, when ready',
  schema: hello,
});

const runtime = z.union([
  z.string().transform((name) => ({ name, version: '', description: '' })),
  z.looseObject({ name: z.string(), version: z.string().default(''), description: z.string().default('') }),
]);
const counts = z.record(z.string(), z.int().min(0));
const advertise = z.looseObject({
  id,
  stacks: z.array(z.string()).optional(),
  available_memory: z.number(),
  available_disk: z.number().optional(),
  app_id_to_count: counts.optional(),
  placement_properties: z.looseObject({ zone: z.string().default('default') }).optional(),
  runtimes: z.array(runtime).optional(),
  prod: z.boolean().optional(),
  /** How far the DEA keeps applications apart: `runc` or `process`. */
  isolation: z.string().optional(),
});
export type DeaAdvertise = z.infer<typeof advertise>;
export const deaAdvertise = defineSubject({
  name: 'dea.advertise',
  publishers: ['dea'],
  listeners: ['cloud-controller', 'dea'],
  when: 'every 5 s, on dea.locate, and when capacity changed; forgotten after 10 s',
  schema: advertise,
});
export const deaLocate = defineSubject<unknown>({
  name: 'dea.locate',
  publishers: ['cloud-controller', 'dea'],
  listeners: ['dea'],
  when: 'a controller has no adverts, or a DEA that evacuates asks whether there is another one',
  schema: empty,
});
export const deaStatus = defineSubject<unknown>({
  name: 'dea.status',
  publishers: ['tools'],
  listeners: ['dea'],
  when: 'request; one reply per DEA',
  schema: empty,
});
export const dropletStatus = defineSubject<unknown>({
  name: 'droplet.status',
  publishers: ['tools'],
  listeners: ['dea'],
  when: 'request; one reply per live instance',
  schema: empty,
});

const start = z.looseObject({
  droplet: id,
  version: z.string(),
  name: z.string(),
  index,
  uris,
  sha1: z.string().nullable(),
  executableFile: z.string().nullish(),
  executableUri: z.string().nullish(),
  limits: z.object({
    mem: z.number().positive(),
    disk: z.number().positive(),
    fds: z.int().positive(),
    inodes: z.int().positive().nullish(),
    pids: z.int().positive().nullish(),
    cpu_shares: z.int().positive().nullish(),
    /** Cores, as a hard limit. */
    cpu_quota: z.number().positive().nullish(),
  }),
  env: z
    .array(z.string())
    .nullish()
    .transform((list) => list ?? []),
  services: z
    .array(z.looseObject({}))
    .nullish()
    .transform((list) => list ?? []),
  users: z.array(z.string()).optional(),
  framework: z.string().nullish(),
  runtime: z.string().nullish(),
  debug: z.string().nullish(),
  console: z.boolean().nullish(),
  prod: z.boolean().nullish(),
  cc_partition: z.string().default('default'),
  start_command: z.string().nullish(),
  /** Seconds from the start of the program until it must be ready. */
  health_check_timeout: z.number().positive().nullish(),
  /** How it shows that it is ready and lives: `port`, `http` or `process`; without it, `port` if it has URLs. */
  health_check_type: z.string().nullish(),
  /** Path that an `http` check gets; any status below 400 is well. */
  health_check_http_endpoint: z.string().nullish(),
  /** Seconds that one check may take. */
  health_check_invocation_timeout: z.number().positive().nullish(),
  /** What it may connect to; without it, the DEA's own rules. */
  egress_network_rules: z.array(z.looseObject({})).nullish(),
  stop_grace: z.number().min(0).nullish(),
  vcap_application: z.record(z.string(), z.unknown()).nullish(),
});
export type StartMessage = z.infer<typeof start>;
export const deaInstanceStart = defineFamily({
  name: 'dea.*.start',
  publishers: ['cloud-controller'],
  listeners: ['dea'],
  when: 'one message per instance; a refusal is answered by droplet.exited',
  schema: start,
});

const filter = z.looseObject({
  droplet: id,
  version: z.string().nullish(),
  instances: z.array(z.string()).nullish(),
  instance_ids: z.array(z.string()).nullish(),
  indices: z.array(index).nullish(),
  states: z.array(instanceState).nullish(),
});
export type StopFilter = z.infer<typeof filter>;
export const deaStop = defineSubject({
  name: 'dea.stop',
  publishers: ['cloud-controller'],
  listeners: ['dea'],
  when: 'stop, scale down, or the health manager found an extra; filters are AND-ed',
  schema: filter,
});
const update = z.looseObject({ droplet: id, uris, version: z.string().nullish() });
export type DeaUpdate = z.infer<typeof update>;
export const deaUpdate = defineSubject({
  name: 'dea.update',
  publishers: ['cloud-controller'],
  listeners: ['dea'],
  when: 'the URLs of a started application changed',
  schema: update,
});

const find = filter.extend({ include_stats: z.boolean().nullish(), path: z.string().nullish() });
export type FindDroplet = z.infer<typeof find>;
const stats = z.looseObject({
  name: z.string(),
  host: z.string(),
  port: z.int().nullable(),
  uris: z.array(z.string()),
  uptime: z.number(),
  mem_quota: z.number(),
  disk_quota: z.number(),
  fds_quota: z.number(),
  usage: z.looseObject({}).optional(),
});
const found = z.looseObject({
  dea: z.string(),
  droplet: id,
  version: z.string(),
  instance: z.string(),
  index,
  state: instanceState,
  state_timestamp: seconds,
  file_uri: z.string().optional(),
  staged: z.string().optional(),
  credentials: z.tuple([z.string(), z.string()]).optional(),
  debug_ip: z.string().nullish(),
  debug_port: z.int().nullish(),
  console_ip: z.string().nullish(),
  console_port: z.int().nullish(),
  stats: stats.optional(),
  /** The instance's log stream; the same credentials as for its files. */
  log_uri: z.string().optional(),
});
export type FindDropletReply = z.infer<typeof found>;
export const deaFindDroplet = defineSubject<FindDroplet, FindDropletReply>({
  name: 'dea.find.droplet',
  publishers: ['cloud-controller'],
  listeners: ['dea'],
  when: 'request; one reply per matching instance',
  schema: find,
  reply: found,
});

const heartbeatEntry = z.looseObject({
  droplet: id,
  version: z.string(),
  instance: z.string(),
  index,
  state: instanceState,
  state_timestamp: seconds,
  cc_partition: z.string().default('default'),
  /** Of a crashed instance: why, for its owner to read. Ours. */
  exit_description: z.string().optional(),
});
export type HeartbeatEntry = z.infer<typeof heartbeatEntry>;
const heartbeat = z.looseObject({
  dea: z.string(),
  prod: z.boolean().optional(),
  droplets: z.array(heartbeatEntry),
});
export type Heartbeat = z.infer<typeof heartbeat>;
export const deaHeartbeat = defineSubject({
  name: 'dea.heartbeat',
  publishers: ['dea'],
  // A DEA that evacuates: they are the proof that a copy runs.
  listeners: ['health-manager', 'cloud-controller', 'dea'],
  when: 'every 10 s and when an instance turns RUNNING or CRASHED: the complete list, also when empty',
  schema: heartbeat,
});

const shutdown = hello.extend({ app_id_to_count: counts.optional() });
export type DeaShutdown = z.infer<typeof shutdown>;
export const deaShutdown = defineSubject({
  name: 'dea.shutdown',
  publishers: ['dea'],
  listeners: ['cloud-controller', 'health-manager', 'dea'],
  when: 'a DEA leaves: no placement on it any more',
  schema: shutdown,
});

const exited = z.looseObject({
  droplet: id,
  version: z.string(),
  instance: z.string(),
  index,
  reason: z.enum(['CRASHED', 'STOPPED', 'DEA_SHUTDOWN', 'DEA_EVACUATION']),
  crash_timestamp: seconds.nullish(),
  cc_partition: z.string().default('default'),
  exit_status: z.int().nullish(),
  exit_description: z.string().nullish(),
});
export type DropletExited = z.infer<typeof exited>;
export const dropletExited = defineSubject({
  name: 'droplet.exited',
  publishers: ['dea'],
  listeners: ['health-manager', 'cloud-controller'],
  when: 'an instance ended or a start was refused',
  schema: exited,
});
