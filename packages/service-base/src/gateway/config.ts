import { blobstoreConfig } from '@vcap/blobstore';
import { baseConfigShape } from '@vcap/component';
import { aclsSchema } from '@vcap/service-api';
import { z } from 'zod';

const planSchema = z.strictObject({
  unique_id: z.string().optional(),
  description: z.string().optional(),
  free: z.boolean().default(true),
  extra: z.string().optional(),
});

const managementSchema = z.strictObject({
  /** Capacity below which, and up to which, an operator should act; shown in /varz. */
  low_water: z.number().optional(),
  high_water: z.number().optional(),
  /** Provision even where a node says that it is full. */
  allow_over_provisioning: z.boolean().default(false),
  lifecycle: z
    .strictObject({
      /** `quota`: snapshots per instance. */
      snapshot: z.strictObject({ quota: z.int().min(0) }).optional(),
      serialization: z.literal('enable').optional(),
      job: z.literal('enable').optional(),
    })
    .prefault({}),
});

/** What the gateway offers. */
export const offeredServiceSchema = z.strictObject({
  name: z.string().regex(/^\S+$/),
  /** The advertised version: a name of `version_aliases` or one of `supported_versions`. */
  version: z.string().min(1),
  unique_id: z.string().optional(),
  description: z.string().default(''),
  info_url: z.string().optional(),
  provider: z.string().default('core'),
  /** By name, in the order they are shown. */
  plans: z.record(z.string(), planSchema).default({ free: { free: true } }),
  default_plan: z.string().optional(),
  tags: z.array(z.string()).default([]),
  /** Seconds that the cloud controller is told to wait. */
  timeout: z.number().positive().default(10),
  acls: aclsSchema.optional(),
  supported_versions: z.array(z.string()).default([]),
  /** Names for versions, such as `current: "8.0"`. */
  version_aliases: z.record(z.string(), z.string()).default({}),
  plan_options: z.looseObject({}).optional(),
  logo_url: z.string().optional(),
  blurb: z.string().optional(),
  provider_name: z.string().optional(),
});

/** Keys of every gateway's file. Durations are seconds. */
export const gatewayConfigShape = {
  ...baseConfigShape,
  /** Where the cloud controller reaches this gateway; default: the address that the component found for itself. */
  host: z.string().optional(),
  port: z.int().min(0).max(65_535).default(0),
  /** Address behind a load balancer that all gateways of the service share; default: this gateway's own. */
  url: z.url({ protocol: /^https?$/ }).optional(),
  /** Shared with the cloud controller, both directions. */
  token: z.string().min(1),
  cloud_controller_uri: z.string().transform((uri) => (/^https?:/.test(uri) ? uri : `http://${uri}`)),
  /** Which fields the peers know: `2012` for a cloud controller of v1, which refuses newer ones. */
  era: z.enum(['2012', '2013']).default('2013'),
  /** How long it waits for a node; nodes keep below it. */
  node_timeout: z.number().positive().default(8),
  heartbeat_interval: z.number().positive().default(60),
  /** From a failed fetch of the handles to the next. */
  handle_fetch_interval: z.number().positive().default(1),
  /** From one fetch of the handles to the next, once there were any. */
  handle_refresh_interval: z.number().positive().default(60),
  /** Seconds from one look for orphans to the next; the cloud controller relies on it. -1: only when asked. */
  check_orphan_interval: z.number().default(3600),
  double_check_orphan_interval: z.number().positive().default(300),
  z_interval: z.number().positive().default(30),
  redis: z.strictObject({ uri: z.string() }).optional(),
  blobstore: blobstoreConfig.optional(),
  /** Address of a serialized file, with the words %{service}, %{name}, %{snapshot_id}, %{token}; default: ours. */
  download_url_template: z.string().optional(),
  import: z
    .strictObject({
      /** Hosts (`name` or `name:port`) that files may be fetched from; none by default. */
      allowed_hosts: z.array(z.string()).default([]),
      max_bytes: z
        .int()
        .positive()
        .default(10 * 1024 * 1024),
      /** For files that come inside a request. */
      max_inline_bytes: z
        .int()
        .positive()
        .default(1024 * 1024),
      max_redirects: z.int().min(0).default(5),
      timeout: z.number().positive().default(60),
    })
    .prefault({}),
  plan_management: z.strictObject({ plans: z.record(z.string(), managementSchema).default({}) }).prefault({}),
  service: offeredServiceSchema,
};
export const gatewayConfigSchema = z.strictObject(gatewayConfigShape);
export type GatewayConfig = z.infer<typeof gatewayConfigSchema>;
