import { z } from 'zod';
import { ApiError } from '../errors.ts';

/** One known file, as clients name it. */
export const resourceEntry = z.looseObject({
  fn: z.string().min(1),
  size: z.int().min(0),
  sha1: z
    .string()
    .regex(/^[0-9a-f]{40}$/i)
    .transform((sha1) => sha1.toLowerCase()),
  /** Unix permissions: a number, or its octal text. */
  mode: z
    .union([
      z.int().min(0),
      z
        .string()
        .regex(/^[0-7]{1,6}$/)
        .transform((text) => parseInt(text, 8)),
    ])
    .optional(),
});
export type Resource = z.infer<typeof resourceEntry>;

/** Reads the `resources` field of an upload; throws 100 saying which entry is wrong. */
export function parseResources(text: string | undefined, most: number): Resource[] {
  if (text === undefined) throw new ApiError(100, 'the field resources is missing');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ApiError(100, 'the field resources is not JSON');
  }
  const result = z.array(resourceEntry).max(most).safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new ApiError(100, `resources ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'}`);
}
