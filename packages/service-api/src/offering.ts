import { z } from 'zod';

const people = z.looseObject({
  users: z.array(z.string()).nullish(),
  wildcards: z.array(z.string()).nullish(),
});
/** Who may see a service; `plans` narrows single plans. Service and plan must both pass. */
export const aclsSchema = people.extend({ plans: z.record(z.string(), people).nullish() });
export type Acls = z.infer<typeof aclsSchema>;

/**
 * What a gateway tells the cloud controller of its service, at start, every minute and at exit (`active: false`). The
 * label is `name-version`, split at its last dash. An update without `acls` or `timeout` clears them.
 */
export const offeringSchema = z.looseObject({
  label: z.string().regex(/^\S+-\S+$/, 'must be like name-version'),
  url: z.url({ protocol: /^https?$/ }),
  description: z.string().nullish(),
  info_url: z.string().nullish(),
  tags: z.array(z.string()).nullish(),
  plans: z.array(z.string()).nullish(),
  plan_options: z.looseObject({}).nullish(),
  binding_options: z.looseObject({}).nullish(),
  acls: aclsSchema.nullish(),
  active: z.boolean().nullish(),
  /** Seconds the cloud controller should wait for this gateway. */
  timeout: z.number().positive().nullish(),
  // From here: 2013 only.
  provider: z.string().nullish(),
  supported_versions: z.array(z.string()).nullish(),
  /** `current` is the advertised version. */
  version_aliases: z.record(z.string(), z.string()).nullish(),
  plan_details: z
    .array(
      z.looseObject({
        name: z.string().min(1),
        free: z.boolean(),
        description: z.string().nullish(),
        extra: z.string().nullish(),
        unique_id: z.string().nullish(),
      }),
    )
    .nullish(),
  plan_descriptions: z.record(z.string(), z.string()).nullish(),
  cf_plan_id: z.record(z.string(), z.string()).nullish(),
  default_plan: z.string().nullish(),
  /** JSON text: `{"listing":{"imageUrl","blurb"},"provider":{"name"}}`. */
  extra: z.string().nullish(),
  unique_id: z.string().nullish(),
});
export type Offering = z.infer<typeof offeringSchema>;

/** GET /brokered_services/poc/offerings of the cloud controller: what its broker token registered. */
export const brokeredServicesSchema = z.looseObject({
  brokered_services: z.array(
    z.looseObject({
      label: z.string(),
      description: z.string().nullish(),
      acls: aclsSchema.nullish(),
    }),
  ),
});
