import { z } from 'zod';

/** Reads a `ContainerSnapshot` back from a file. */
export const containerSnapshotSchema = z.object({
  isolation: z.enum(['process', 'runc']),
  spec: z.object({
    handle: z.string().regex(/^[\w-]+$/),
    rootDir: z.string(),
    memoryMb: z.number(),
    diskMb: z.number(),
    fds: z.number(),
    ports: z.array(z.number()).exactOptional(),
  }),
  process: z.object({ pid: z.int().positive(), startTime: z.number() }).exactOptional(),
});
