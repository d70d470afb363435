import type { Instance } from '@vcap/service-base';
import { z } from 'zod';
import { schemaObjectSchema } from './transfer/schema-objects.ts';

/** What the registry remembers of an instance besides its credentials. */
const dataSchema = z.object({
  /** Over its limit: its accounts cannot write. */
  quota_exceeded: z.boolean().catch(false).default(false),
  /** Its accounts are locked. */
  disabled: z.boolean().catch(false).default(false),
  /** A replacement of the data that has begun; in `swapping` it is completed, else what is left over is dropped. */
  load: z
    .discriminatedUnion('phase', [
      z.object({ phase: z.literal('loading') }),
      z.object({ phase: z.literal('swapping'), objects: z.array(schemaObjectSchema) }),
      z.object({ phase: z.literal('swapped') }),
    ])
    .nullable()
    .catch(null)
    .default(null),
  /** Views, triggers and routines that are getting another definer; they may be gone for a moment. */
  adopting: z.array(schemaObjectSchema).nullable().catch(null).default(null),
});
export type InstanceData = z.infer<typeof dataSchema>;

export const dataOf = (instance: Pick<Instance, 'data'>): InstanceData => dataSchema.parse(instance.data);

/** A text among credentials; empty when it is none. */
export function textOf(credentials: Instance['credentials'] | undefined, ...keys: string[]): string {
  const value = keys.map((key) => credentials?.[key]).find((each) => each !== undefined && each !== null);
  return typeof value === 'string' ? value : '';
}
/** Name of the instance's own account. */
export const ownUser = ({ credentials }: Pick<Instance, 'credentials'>): string =>
  textOf(credentials, 'username', 'user');
export const ownPassword = ({ credentials }: Pick<Instance, 'credentials'>): string =>
  textOf(credentials, 'password');
