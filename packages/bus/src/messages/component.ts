import { z } from 'zod';
import { defineFamily, defineSubject } from '../subject.ts';
import { empty } from './common.ts';

const announcement = z.looseObject({
  type: z.string(),
  index: z.int().nullable(),
  uuid: z.string(),
  host: z.string(),
  credentials: z.tuple([z.string(), z.string()]),
  start: z.string(),
  uptime: z.string().optional(),
});
export type ComponentAnnouncement = z.infer<typeof announcement>;

export const vcapComponentAnnounce = defineSubject({
  name: 'vcap.component.announce',
  publishers: ['component'],
  listeners: ['collector'],
  when: 'once, when ready',
  schema: announcement,
});
export const vcapComponentDiscover = defineSubject<unknown, ComponentAnnouncement>({
  name: 'vcap.component.discover',
  publishers: ['collector'],
  listeners: ['component'],
  when: 'request; every component answers',
  schema: empty,
  reply: announcement,
});

const reach = z.object({ address: z.ipv4(), port: z.int().min(1).max(65_535) });
const reached = z.looseObject({
  type: z.string(),
  index: z.int().nullable(),
  host: z.string(),
  reached: z.boolean(),
  error: z.string().optional(),
});
export type ComponentReached = z.infer<typeof reached>;
export const vcapComponentReach = defineSubject<z.infer<typeof reach>, ComponentReached>({
  name: 'vcap.component.reach',
  publishers: ['tools'],
  listeners: ['component'],
  when: 'request of the join doctor; every component opens a connection to that port and says whether it could',
  schema: reach,
  reply: reached,
});

const credentials = z.object({ user: z.string(), password: z.string() });
export type BulkCredentials = z.infer<typeof credentials>;
export const bulkCredentials = defineFamily<unknown, BulkCredentials>({
  name: 'cloudcontroller.bulk.credentials.*',
  publishers: ['health-manager'],
  listeners: ['cloud-controller'],
  when: 'request, before the bulk API is read; the word is the partition',
  schema: empty,
  reply: credentials,
});
