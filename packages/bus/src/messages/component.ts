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
