import { aclsSchema } from '@vcap/service-api';
import type { Offering } from '@vcap/service-api';
import { z } from 'zod';

const word = /^[A-Za-z0-9._]+$/;

/** What somebody registers: a label and, for each option, who may see it and what credentials it hands out. */
export const registrationSchema = z.strictObject({
  /** `name-version`, one dash. */
  label: z
    .string()
    .regex(/^[A-Za-z0-9._]+-[A-Za-z0-9._]+$/, 'must be like name-version, with letters, digits, . and _'),
  description: z.string().default(''),
  provider: z
    .string()
    .regex(/^[A-Za-z0-9._-]+$/)
    .optional(),
  options: z
    .array(
      z.strictObject({
        name: z.string().regex(word, 'letters, digits, . and _ only'),
        acls: aclsSchema.nullish(),
        credentials: z.looseObject({}).refine((all) => Object.keys(all).length > 0, 'must not be empty'),
      }),
    )
    .min(1)
    .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'names must differ'),
});
export type Registration = z.infer<typeof registrationSchema>;

/** One option of a registration: a service of its own for the cloud controller. */
export interface BrokeredService {
  /** `name_option-version`: the key. */
  label: string;
  /** What it was registered under. */
  registeredAs: string;
  description: string;
  provider: string | undefined;
  acls: Record<string, unknown> | undefined;
  credentials: Record<string, unknown>;
}

/** The services that a registration makes. */
export function servicesOf({ label, description, provider, options }: Registration): BrokeredService[] {
  const [name, version] = label.split('-');
  return options.map((option) => ({
    label: `${name}_${option.name}-${version}`,
    registeredAs: label,
    description,
    provider,
    acls: option.acls ?? undefined,
    credentials: option.credentials,
  }));
}

/** What the cloud controller is told of one. */
export function offeringOf(service: BrokeredService, url: string, active: boolean): Offering {
  const { label, description, provider, acls } = service;
  return {
    label,
    url,
    active,
    description,
    plans: ['default'],
    tags: ['default'],
    ...(provider === undefined ? {} : { provider }),
    ...(acls === undefined ? {} : { acls }),
  };
}
