import { baseConfigShape } from '@vcap/component';
import { z } from 'zod';
import type { Settings } from './domain/types.ts';

const seconds = (value: number): z.ZodDefault<z.ZodNumber> => z.number().positive().default(value);

/** The health manager's configuration file. Durations are seconds and may be fractions. */
export const configSchema = z.strictObject({
  ...baseConfigShape,
  /** Where the cloud controller's bulk API is, e.g. http://127.0.0.1:9022; credentials are asked for over the bus. */
  bulk_api: z.strictObject({
    url: z.url({ protocol: /^https?$/ }),
    batch_size: z.int().min(1).max(10_000).default(500),
    timeout_seconds: seconds(10),
  }),
  /** Name of the controllers' partition on the bus. */
  cc_partition: z.string().min(1).default('default'),
  intervals: z
    .strictObject({
      /** From one look at all apps to the next; events are looked at at once. */
      scan_seconds: seconds(5),
      /** An instance is lost this long after its last heartbeat. */
      droplet_lost_seconds: seconds(30),
      /** Unbroken listening before the actual state is believed. */
      freshness_seconds: seconds(15),
      /** From one fetch of the desired state to the next. */
      desired_refresh_seconds: seconds(30),
      /** From a failed fetch to the next. */
      desired_retry_seconds: seconds(5),
      /** Age at which the last complete fetch is no longer believed. */
      desired_stale_seconds: seconds(120),
      /** From when an index is wanted to its first start by the health manager: the controller starts it itself. */
      start_grace_seconds: seconds(30),
      /** From an order to its repetition. */
      resend_seconds: seconds(30),
      /** First delayed restart; doubles with each crash. */
      min_backoff_seconds: seconds(30),
      max_backoff_seconds: seconds(960),
      /** An instance that ran this long starts its crash count anew. */
      stable_seconds: seconds(500),
      /** How long the same mass absence must last before it is believed; an empty feed never is while apps run. */
      absence_confirm_seconds: seconds(600),
    })
    .prefault({}),
  /** Crashes of an index that are answered with a restart at once. */
  immediate_restarts: z.int().min(0).default(3),
});

/** The parsed configuration. */
export type Config = z.infer<typeof configSchema>;

/** The figures the domain works with, in milliseconds. */
export function settingsOf(config: Pick<Config, 'intervals' | 'immediate_restarts'>): Settings {
  const { intervals } = config;
  return Object.freeze({
    scanMs: intervals.scan_seconds * 1000,
    lostMs: intervals.droplet_lost_seconds * 1000,
    freshnessMs: intervals.freshness_seconds * 1000,
    desiredStaleMs: intervals.desired_stale_seconds * 1000,
    startGraceMs: intervals.start_grace_seconds * 1000,
    resendMs: intervals.resend_seconds * 1000,
    immediateRestarts: config.immediate_restarts,
    minBackoffMs: intervals.min_backoff_seconds * 1000,
    maxBackoffMs: intervals.max_backoff_seconds * 1000,
    stableMs: intervals.stable_seconds * 1000,
    absenceConfirmMs: intervals.absence_confirm_seconds * 1000,
  });
}
