import type { z } from 'zod';
import type { Client } from './client.ts';
import { offeringsSchema, servicesSchema } from './schemas.ts';
import type { Service } from './schemas.ts';

/** One version of a service that can be created. */
export interface Offering {
  type: string;
  vendor: string;
  version: string;
  description: string;
  plans: string[];
}

export const listServices = (client: Client): Promise<Service[]> => client.get('/services', servicesSchema);

/** What the target offers, in the target's order. */
export async function listOfferings(client: Client): Promise<Offering[]> {
  return flattenOfferings(await client.get('/info/services', offeringsSchema));
}

/** The nested answer as a flat list. */
export function flattenOfferings(tree: z.infer<typeof offeringsSchema>): Offering[] {
  return Object.entries(tree).flatMap(([type, vendors]) =>
    Object.entries(vendors).flatMap(([vendor, versions]) =>
      Object.entries(versions).map(([version, offering]) => ({
        type,
        vendor,
        version,
        description: offering.description ?? '-',
        plans: plansOf(offering.tiers ?? {}),
      })),
    ),
  );
}

function plansOf(tiers: Record<string, { order?: number | null | undefined }>): string[] {
  return Object.entries(tiers)
    .toSorted(([, a], [, b]) => (a.order ?? 0) - (b.order ?? 0))
    .map(([name]) => name);
}

/** Provisions a service; of the free plan unless another is named. */
export async function createService(
  client: Client,
  offering: Offering,
  name: string,
  plan = 'free',
): Promise<void> {
  const { type, vendor, version } = offering;
  await client.send('POST', '/services', { type, tier: plan, vendor, version, name });
}

export async function deleteService(client: Client, name: string): Promise<void> {
  await client.send('DELETE', `/services/${encodeURIComponent(name)}`);
}
