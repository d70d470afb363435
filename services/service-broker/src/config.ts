import { baseConfigShape } from '@vcap/component';
import { sqliteFileSchema } from '@vcap/service-base';
import { z } from 'zod';
import { registrationSchema } from './domain/brokered-service.ts';

/** The service broker's configuration file. Durations are seconds. */
export const configSchema = z.strictObject({
  ...baseConfigShape,
  /** The cloud controller's broker token; shown in both directions, and by whoever registers. */
  token: z.string().min(1),
  /** Host name that routers send here, such as service-broker.vcap.me; absent: reached by its address alone. */
  external_uri: z.string().optional(),
  /** Address that the cloud controller is told; default: `http://` and external_uri, else the own address. */
  url: z.url({ protocol: /^https?$/ }).optional(),
  port: z.int().min(0).max(65_535).default(0),
  /** Keeps what is registered. */
  local_db: sqliteFileSchema,
  cloud_controller_uri: z.string().transform((uri) => (/^https?:/.test(uri) ? uri : `http://${uri}`)),
  heartbeat_interval: z.number().positive().default(60),
  /** `2012` for a cloud controller of v1, which refuses newer fields. */
  era: z.enum(['2012', '2013']).default('2013'),
  /** Registered at each start. */
  services: z.array(registrationSchema).default([]),
});
export type Config = z.infer<typeof configSchema>;
