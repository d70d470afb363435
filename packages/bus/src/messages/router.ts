import { z } from 'zod';
import { defineSubject } from '../subject.ts';
import { empty, id } from './common.ts';

const start = z.looseObject({
  id: z.string(),
  version: z.number().optional(),
  hosts: z.array(z.string()).optional(),
  minimumRegisterIntervalInSeconds: z.number().positive().optional(),
  pruneThresholdInSeconds: z.number().positive().optional(),
});
export type RouterStart = z.infer<typeof start>;

/** Tag values that are no strings are dropped, as a missing tag never hurts. */
const tags = z
  .record(z.string(), z.unknown())
  .nullish()
  .transform((map) => {
    const kept: Record<string, string> = {};
    for (const [key, value] of Object.entries(map ?? {})) if (typeof value === 'string') kept[key] = value;
    return kept;
  });

const register = z.looseObject({
  host: z.string().min(1),
  port: z.int().min(1).max(65_535),
  uris: z.array(z.string()),
  dea: z.string().nullish(),
  app: id.nullish(),
  tags,
  private_instance_id: z.string().nullish(),
  private_instance_index: z.string().nullish(),
  stale_threshold_in_seconds: z.number().nullish(),
});
export type RouterRegister = z.infer<typeof register>;

export const routerStart = defineSubject({
  name: 'router.start',
  publishers: ['router'],
  listeners: ['dea', 'cloud-controller', 'gateway', 'caldecott'],
  when: 'at start, every 30 s, on reconnect: everybody registers again',
  schema: start,
});
export const routerGreet = defineSubject<unknown, RouterStart>({
  name: 'router.greet',
  publishers: ['dea', 'cloud-controller', 'gateway', 'caldecott'],
  listeners: ['router'],
  when: 'request at start; each router answers its start message',
  schema: empty,
  reply: start,
});
export const routerRegister = defineSubject({
  name: 'router.register',
  publishers: ['dea', 'cloud-controller', 'gateway', 'caldecott'],
  listeners: ['router'],
  when: 'an instance runs; repeated at the interval the router asks for',
  schema: register,
});
export const routerUnregister = defineSubject({
  name: 'router.unregister',
  publishers: ['dea', 'cloud-controller', 'gateway', 'caldecott'],
  listeners: ['router'],
  when: 'before an instance ends or a URL is unmapped',
  schema: register,
});
