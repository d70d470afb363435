import { z } from 'zod';
import { defineFamily, defineSubject } from '../subject.ts';
import { empty, id } from './common.ts';

const advertise = z.looseObject({
  id,
  stacks: z.array(z.string()),
  available_memory: z.number(),
  available_disk: z.number().optional(),
  /** How far the stager keeps build scripts apart: `runc` or `process`. */
  isolation: z.string().optional(),
});
export type StagingAdvertise = z.infer<typeof advertise>;
export const stagingAdvertise = defineSubject({
  name: 'staging.advertise',
  publishers: ['stager'],
  listeners: ['cloud-controller'],
  when: 'at start, every 5 s, on staging.locate; forgotten after 10 s',
  schema: advertise,
});
export const stagingLocate = defineSubject<unknown>({
  name: 'staging.locate',
  publishers: ['cloud-controller'],
  listeners: ['stager'],
  when: 'a controller has no adverts',
  schema: empty,
});
const stop = z.looseObject({ app_id: id });
export type StagingStop = z.infer<typeof stop>;
export const stagingStop = defineSubject({
  name: 'staging.stop',
  publishers: ['cloud-controller'],
  listeners: ['stager'],
  when: 'before each staging and when an application is deleted',
  schema: stop,
});

const start = z.looseObject({
  app_id: id,
  task_id: z.string().min(1),
  properties: z.looseObject({
    services: z.array(z.looseObject({})).default([]),
    framework: z.string().nullish(),
    runtime: z.string().nullish(),
    buildpack: z.string().nullish(),
    resources: z.looseObject({ memory: z.number(), disk: z.number(), fds: z.int() }),
    environment: z.array(z.string()).default([]),
    meta: z.looseObject({ command: z.string().nullish() }).default({}),
  }),
  download_uri: z.string(),
  upload_uri: z.string(),
  buildpack_cache_upload_uri: z.string().nullish(),
  buildpack_cache_download_uri: z.string().nullish(),
  timeout_seconds: z.number().positive().optional(),
});
export type StagingStart = z.infer<typeof start>;
const reply = z.looseObject({
  task_id: z.string(),
  task_log: z.string().nullish(),
  task_streaming_log_url: z.string().nullish(),
  detected_buildpack: z.string().nullish(),
  detected_start_command: z.string().nullish(),
  droplet_sha1: z.string().nullish(),
  error: z.string().nullish(),
  error_info: z.looseObject({ type: z.string(), message: z.string() }).nullish(),
});
export type StagingReply = z.infer<typeof reply>;
export const stagingStart = defineFamily<StagingStart, StagingReply>({
  name: 'staging.*.start',
  publishers: ['cloud-controller'],
  listeners: ['stager'],
  when: 'request with two replies: accepted (log URL), finished (droplet or error)',
  schema: start,
  reply,
});
