import { z } from 'zod';

/** Ids are strings; era A/B numbers are read and turned to strings (nats-messages.md §0.2). */
export const id = z.union([z.string().min(1), z.int().transform(String)]);
/** Seconds since the epoch, whole or fractional. */
export const seconds = z.number();
export const index = z.int().min(0);
export const uris = z
  .array(z.string())
  .nullish()
  .transform((list) => list ?? []);
export const empty = z.unknown();
export const instanceState = z.enum([
  'BORN',
  'STARTING',
  'RUNNING',
  'STOPPING',
  'STOPPED',
  'CRASHED',
  'DELETED',
  'RESUMING',
  'EVACUATING',
]);
export type DeaInstanceState = z.infer<typeof instanceState>;
