import { z } from 'zod';

/** Answers of the v1 API (reference: API v1 §1). Unknown members are kept: documents are sent back whole. */
const list = z
  .array(z.string())
  .nullish()
  .transform((value) => value ?? []);

export const appSchema = z.looseObject({
  name: z.string(),
  staging: z.looseObject({ model: z.string().nullish(), stack: z.string().nullish() }).nullish(),
  uris: list,
  instances: z.int(),
  runningInstances: z.number().nullish(),
  resources: z.looseObject({ memory: z.int() }),
  state: z.string(),
  services: list,
  env: list,
  meta: z.looseObject({}).nullish(),
  /** Why the last staging or update failed. */
  staging_error: z.string().nullish(),
  placement_error: z.string().nullish(),
});
/** The whole document of an application. */
export type AppDocument = z.infer<typeof appSchema>;

const named = z.looseObject({
  name: z.string(),
  version: z.union([z.string(), z.number()]).nullish(),
  description: z.string().nullish(),
});
const frameworkSchema = z.looseObject({
  name: z.string().nullish(),
  runtimes: z.array(named).nullish(),
  /** Default, in MB. */
  memory: z.number().nullish(),
});
const quantities = z.looseObject({
  memory: z.number().nullish(),
  apps: z.number().nullish(),
  services: z.number().nullish(),
});

export const infoSchema = z.looseObject({
  name: z.string().nullish(),
  build: z.union([z.string(), z.number()]).nullish(),
  support: z.string().nullish(),
  version: z.union([z.string(), z.number()]).nullish(),
  description: z.string().nullish(),
  user: z.string().nullish(),
  limits: quantities.nullish(),
  usage: quantities.nullish(),
  isolation: z.string().nullish(),
  frameworks: z.record(z.string(), frameworkSchema).nullish(),
});
/** `GET /info`. */
export type Info = z.infer<typeof infoSchema>;

export const usersSchema = z.array(
  z.looseObject({
    email: z.string(),
    admin: z.boolean().nullish(),
    apps: z.array(z.looseObject({ name: z.string() })).nullish(),
  }),
);
export const userSchema = z.looseObject({ email: z.string() });
export const tokenSchema = z.looseObject({ token: z.string().min(1) });

export const instancesSchema = z.looseObject({
  instances: z.array(z.looseObject({ index: z.int(), state: z.string(), since: z.number().nullish() })),
});

export const crashesSchema = z.looseObject({
  crashes: z.array(z.looseObject({ instance: z.string(), since: z.number(), reason: z.string().nullish() })),
});
/** One crashed instance. */
export type Crash = z.infer<typeof crashesSchema>['crashes'][number];

export const statsSchema = z.record(
  z.string(),
  z.looseObject({
    state: z.string(),
    stats: z
      .looseObject({
        uptime: z.number().nullish(),
        mem_quota: z.number().nullish(),
        disk_quota: z.number().nullish(),
        cores: z.number().nullish(),
        usage: z
          .looseObject({ cpu: z.number().nullish(), mem: z.number().nullish(), disk: z.number().nullish() })
          .nullish(),
      })
      .nullish(),
  }),
);

export const resourcesSchema = z.array(z.looseObject({ fn: z.string(), sha1: z.string(), size: z.number() }));

/** What the target's present package of an application is made of. */
export const packageFilesSchema = z.looseObject({
  package: z.string(),
  resources: z.array(z.looseObject({ fn: z.string(), sha1: z.string(), size: z.number(), mode: z.number() })),
});

export const runtimesSchema = z.record(
  z.string(),
  z.looseObject({
    version: z.union([z.string(), z.number()]).nullish(),
    description: z.string().nullish(),
  }),
);

export const serviceSchema = z.looseObject({
  name: z.string(),
  vendor: z.string().nullish(),
  version: z.union([z.string(), z.number()]).nullish(),
  type: z.string().nullish(),
  tier: z.string().nullish(),
  meta: z
    .looseObject({
      /** What was done to it last. */
      operation: z
        .looseObject({ kind: z.string(), state: z.string(), reason: z.string().nullish() })
        .nullish(),
    })
    .nullish(),
});
/** A provisioned service. */
export type Service = z.infer<typeof serviceSchema>;
export const servicesSchema = z.array(serviceSchema);

/** `GET /info/services`: type, vendor, version, offering. */
export const offeringsSchema = z.record(
  z.string(),
  z.record(
    z.string(),
    z.record(
      z.string(),
      z.looseObject({
        vendor: z.string().nullish(),
        version: z.union([z.string(), z.number()]).nullish(),
        type: z.string().nullish(),
        description: z.string().nullish(),
        /** Plans by name. */
        tiers: z.record(z.string(), z.looseObject({ order: z.number().nullish() })).nullish(),
      }),
    ),
  ),
);

export const errorSchema = z.looseObject({
  code: z.int().optional(),
  description: z.string().optional(),
  errors: z.string().optional(),
});
