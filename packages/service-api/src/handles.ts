import { z } from 'zod';

const text = z.string().min(1);
/** JSON null counts as absent (services.md §1.1). */
const object = z
  .looseObject({})
  .nullish()
  .transform((value) => value ?? {});

/** `name` is the instance's name; all other keys are the service's own. */
export const credentialsSchema = z.looseObject({ name: text });
export type Credentials = z.infer<typeof credentialsSchema>;

/**
 * What a gateway answers to provision and bind, and what the cloud controller keeps and gives back. 2012 says `data`
 * where 2013 says `configuration`: both are read. An instance has `service_id` = `credentials.name`.
 */
export const handleSchema = z
  .looseObject({
    service_id: text,
    configuration: z.looseObject({}).nullish(),
    data: z.looseObject({}).nullish(),
    credentials: z.looseObject({}),
    dashboard_url: z.string().nullish(),
  })
  .transform(({ configuration, data, ...rest }) => ({ ...rest, configuration: configuration ?? data ?? {} }));
export type Handle = z.infer<typeof handleSchema>;
export const handleListSchema = z.looseObject({ handles: z.array(handleSchema) });
export type HandleList = z.infer<typeof handleListSchema>;

/**
 * 2012 gateways want `label`, `name`, `plan`, `email`; 2013 ones `unique_id` (of the plan), `name`. Send both: ours
 * takes the plan by `unique_id` when it knows it, else by name.
 */
export const provisionRequestSchema = z.looseObject({
  label: z.string().nullish(),
  name: text,
  plan: z.string().nullish(),
  email: z.string().nullish(),
  plan_option: object,
  version: z.string().nullish(),
  provider: z.string().nullish(),
  space_guid: z.string().nullish(),
  organization_guid: z.string().nullish(),
  unique_id: z.string().nullish(),
});
export type ProvisionRequest = z.infer<typeof provisionRequestSchema>;

/** The ids of the body count, those of the path are ignored. */
export const bindRequestSchema = z.looseObject({
  service_id: text,
  label: z.string(),
  email: z.string(),
  binding_options: object,
});
export type BindRequest = z.infer<typeof bindRequestSchema>;
export const unbindRequestSchema = z.looseObject({
  service_id: text,
  handle_id: text,
  binding_options: object,
});
export type UnbindRequest = z.infer<typeof unbindRequestSchema>;
