import { blobstoreConfig } from '@vcap/blobstore';
import { z } from 'zod';
import type { DatabaseConfig } from './db/open.ts';

const capacity = (memory: number, services: number, apps: number, uris: number) =>
  z
    .strictObject({
      /** MB over all instances of the started apps. */
      memory: z.number().int().positive().default(memory),
      /** URLs per application. */
      app_uris: z.number().int().nonnegative().default(uris),
      services: z.number().int().nonnegative().default(services),
      apps: z.number().int().nonnegative().default(apps),
    })
    .prefault({});

const credentials = z.strictObject({ user: z.string().min(1), password: z.string().min(1) });
const email = z.email().transform((address) => address.toLowerCase());
const hostName = z
  .string()
  .regex(/^[a-z0-9_-]+(\.[a-z0-9_-]+)+$/i, 'must be a host name of at least two labels')
  .transform((name) => name.toLowerCase());

const secret = z.string().min(1);
const builtinService = z
  .strictObject({
    token: secret.optional(),
    token_file: z.string().optional(),
    provider: z.string().min(1).default('core'),
  })
  .refine((service) => (service.token === undefined) !== (service.token_file === undefined), {
    error: 'needs exactly one of token and token_file',
  });

/** Our keys of the configuration file. Names are the originals' where they had the key. */
export const controllerConfigShape = {
  /** Port of the API; 0 takes a free one. */
  port: z.number().int().min(0).max(65_535).default(9022),
  bind_address: z.string().default('0.0.0.0'),
  /** Host name of the API at the router; without its first label it is the cluster's domain. */
  external_uri: hostName.default('api.vcap.me'),
  /** Port at which users reach the router: taken off the URLs they type. */
  router_port: z.number().int().min(1).max(65_535).optional(),
  database: z
    .discriminatedUnion('dialect', [
      z.strictObject({ dialect: z.literal('sqlite'), path: z.string().min(1) }),
      z.strictObject({ dialect: z.literal('mysql'), uri: z.string().regex(/^mysql:\/\//) }),
    ])
    .transform((value): DatabaseConfig => value),
  blobstore: blobstoreConfig,
  directories: z.strictObject({ tmpdir: z.string().min(1) }).optional(),
  staging: z
    .strictObject({
      /** What stagers show to download packages. Left out: a password derived from the token key. */
      auth: credentials.optional(),
      timeout_seconds: z.number().int().positive().default(900),
    })
    .prefault({}),
  bulk_api: z.strictObject({ auth: credentials.optional() }).prefault({}),
  keys: z
    .strictObject({
      /** Signs the users' tokens: the same for all controllers of one database. */
      token: z.string().min(16).optional(),
      token_file: z.string().optional(),
      token_expiration_seconds: z.number().int().positive().default(604_800),
    })
    .refine((keys) => (keys.token === undefined) !== (keys.token_file === undefined), {
      error: 'needs exactly one of token and token_file',
    }),
  admins: z.array(email).default([]),
  bootstrap_admin: z.strictObject({ email, password_file: z.string() }).optional(),
  allow_registration: z.boolean().default(true),
  allow_debug: z.boolean().default(false),
  default_account_capacity: capacity(2048, 16, 20, 4),
  admin_account_capacity: capacity(32_768, 32, 200, 16),
  app_uris: z
    .strictObject({
      allow_external: z.boolean().default(false),
      reserved_list: z.array(z.string().transform((name) => name.toLowerCase())).default([]),
    })
    .prefault({}),
  /**
   * Secrets that gateways show, by service label without version. `provider` is `core` when left out; a list gives a
   * label several providers.
   */
  builtin_services: z
    .record(
      z.string().min(1),
      z
        .union([builtinService, z.array(builtinService).min(1)])
        .transform((value) => (Array.isArray(value) ? value : [value])),
    )
    .default({}),
  /** Secrets of service brokers: whoever shows one may offer any service that is not built in. */
  service_broker: z
    .strictObject({
      token: secret.optional(),
      token_file: z.string().optional(),
      tokens: z.array(secret).default([]),
    })
    .prefault({}),
  service_gateways: z
    .strictObject({
      /** How long a gateway may take that names no time itself. */
      timeout_seconds: z.number().positive().default(20),
    })
    .prefault({}),
  service_lifecycle: z
    .strictObject({
      /** Largest data in an import request, as base64. */
      max_upload_bytes: z
        .number()
        .int()
        .positive()
        .max(10 * 1024 * 1024)
        .default(1024 * 1024),
    })
    .prefault({}),
  /** The operator's tunnel endpoint; absent: there are no direct tunnels. */
  tunnel: z
    .strictObject({
      /** Its host name at the routers. */
      external_uri: hostName,
      /** Shared with it, at least 32 characters. */
      ticket_key: z.string().min(32).optional(),
      ticket_key_file: z.string().optional(),
      /** A session ends that is not renewed for so long. */
      ticket_seconds: z.number().int().min(10).max(86_400).default(120),
    })
    .refine((tunnel) => (tunnel.ticket_key === undefined) !== (tunnel.ticket_key_file === undefined), {
      error: 'needs exactly one of ticket_key and ticket_key_file',
    })
    .optional(),
  resource_pool: z
    .strictObject({
      /** Days after which a file that no application has any more leaves the pool. */
      expire_days: z.number().positive().default(30),
      /** Bytes over all organizations; beyond it the oldest files leave. */
      max_bytes: z
        .number()
        .int()
        .positive()
        .default(20 * 1024 ** 3),
    })
    .prefault({}),
  /** Largest application, packed and unpacked, in bytes. */
  max_package_bytes: z.number().int().positive().default(536_870_912),
  description: z.string().default('An open platform as a service'),
  /** Where users find help; the API's own address when empty. */
  support_address: z.string().default(''),
  /** How long a start waits for staging inside the request; vmc gives up at 60 s. */
  start_wait_seconds: z.number().positive().max(59).default(55),
};

/** Our part of the compiled configuration. */
export type ControllerConfig = z.output<z.ZodObject<typeof controllerConfigShape>>;
