import type { z } from 'zod';
import { ApiError } from '../../../errors.ts';

/** The body in its schema's shape; throws 100 that says what is wrong. */
export function readBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new ApiError(100, `${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim());
}
