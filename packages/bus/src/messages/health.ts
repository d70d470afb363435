import { z } from 'zod';
import { defineSubject } from '../subject.ts';
import { empty, id, index, seconds } from './common.ts';

const updated = z.looseObject({ droplet: id, cc_partition: z.string().default('default') });
export type DropletUpdated = z.infer<typeof updated>;
export const dropletUpdated = defineSubject({
  name: 'droplet.updated',
  publishers: ['cloud-controller'],
  listeners: ['health-manager'],
  when: 'desired state of an application changed',
  schema: updated,
});
export const healthmanagerStart = defineSubject<unknown>({
  name: 'healthmanager.start',
  publishers: ['health-manager'],
  listeners: ['dea'],
  when: 'at start: every DEA sends a heartbeat at once',
  schema: empty,
});

const status = z.looseObject({
  droplet: id,
  version: z.string().nullish(),
  state: z.enum(['FLAPPING', 'CRASHED']),
});
export type HealthmanagerStatus = z.infer<typeof status>;
const statusReply = z.looseObject({
  indices: z.array(z.object({ index, since: seconds })).optional(),
  instances: z.array(z.object({ instance: z.string(), since: seconds })).optional(),
});
export type HealthmanagerStatusReply = z.infer<typeof statusReply>;
export const healthmanagerStatus = defineSubject<HealthmanagerStatus, HealthmanagerStatusReply>({
  name: 'healthmanager.status',
  publishers: ['cloud-controller'],
  listeners: ['health-manager'],
  when: 'request; no reply for an unknown application',
  schema: status,
  reply: statusReply,
});

const health = z.looseObject({ droplets: z.array(z.looseObject({ droplet: id, version: z.string() })) });
export type HealthmanagerHealth = z.infer<typeof health>;
const healthReply = z.looseObject({ droplet: id, version: z.string(), healthy: z.int() });
export type HealthmanagerHealthReply = z.infer<typeof healthReply>;
export const healthmanagerHealth = defineSubject<HealthmanagerHealth, HealthmanagerHealthReply>({
  name: 'healthmanager.health',
  publishers: ['cloud-controller'],
  listeners: ['health-manager'],
  when: 'request; one reply per known application',
  schema: health,
  reply: healthReply,
});

const running = z.record(z.string(), z.int().min(0));
const start = z.looseObject({
  droplet: id,
  last_updated: z.int(),
  version: z.string(),
  indices: z.array(index),
  running: running.optional(),
  flapping: z.boolean().optional(),
  /** The instance whose end left the index empty: by it the controllers know two health managers' orders as one. */
  after: z.string().max(255).optional(),
});
export type HealthStart = z.infer<typeof start>;
export const healthStart = defineSubject({
  name: 'health.start',
  publishers: ['health-manager'],
  listeners: ['cloud-controller'],
  queue: 'cc',
  when: 'one missing instance per message; the controller checks it against its database',
  schema: start,
});
const stop = z.looseObject({
  droplet: id,
  last_updated: z.int(),
  version: z.string().nullish(),
  /** Instance id to the version it runs. */
  instances: z.record(z.string(), z.string()),
  running: running.optional(),
  instance_index: index.optional(),
  is_duplicate: z.boolean().optional(),
});
export type HealthStop = z.infer<typeof stop>;
export const healthStop = defineSubject({
  name: 'health.stop',
  publishers: ['health-manager'],
  listeners: ['cloud-controller'],
  queue: 'cc',
  when: 'one extra instance per message; the controller checks it against its database',
  schema: stop,
});
