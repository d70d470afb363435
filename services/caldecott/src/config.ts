import { baseConfigShape } from '@vcap/component';
import { z } from 'zod';

const seconds = (value: number): z.ZodDefault<z.ZodNumber> => z.number().positive().default(value);
const key = z.string().min(32, { error: 'needs at least 32 characters' });

/** The configuration file of the operator's tunnel endpoint. Durations are seconds and may be fractions. */
export const configSchema = z.strictObject({
  ...baseConfigShape,
  /** Address and port of the endpoint; port 0 takes a free one, told in /varz as `port`. */
  bind_address: z.string().default('0.0.0.0'),
  port: z.int().min(0).max(65_535).default(8082),
  /** Host name at the router. */
  external_uri: z
    .string()
    .regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/, { error: 'must be a host name' })
    .default('tunnel.vcap.me'),
  keys: z
    .strictObject({
      /** Shared with the cloud controllers, which sign with the first. Several while one replaces another. */
      tickets: z.array(key).min(1).optional(),
      /** Files that hold one key each. */
      ticket_files: z.array(z.string().min(1)).min(1).optional(),
    })
    .refine((keys) => (keys.tickets === undefined) !== (keys.ticket_files === undefined), {
      error: 'needs exactly one of tickets and ticket_files',
    }),
  /** Networks that databases are in, such as 10.0.16.0/20; others are refused whatever a ticket says. */
  allowed_networks: z.array(z.union([z.cidrv4(), z.cidrv6()])).optional(),
  limits: z
    .strictObject({
      /** Tunnels open at once. */
      tunnels: z.int().min(1).default(1000),
      /** Memory for the bytes of all tunnels together. */
      buffer_mb: z.number().positive().default(48),
      /** For a database to accept. */
      connect_seconds: seconds(10),
      /** A tunnel that nobody asked for this long is swept. */
      idle_seconds: seconds(300),
      /** A waiting request is answered after this; less than the patience of every proxy in front. */
      poll_seconds: seconds(20),
    })
    .prefault({}),
});

/** The parsed configuration. */
export type Config = z.infer<typeof configSchema>;
