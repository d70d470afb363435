import { z } from 'zod';

const egressRule = z.object({
  protocol: z.enum(['tcp', 'udp', 'icmp', 'all']),
  destination: z.string(),
  ports: z.string().exactOptional(),
});

/** What a container is made from, as it is read back from a file. */
export const containerSpecSchema = z.object({
  handle: z.string().regex(/^[\w-]+$/),
  rootDir: z.string(),
  memoryMb: z.number(),
  diskMb: z.number(),
  fds: z.number(),
  ports: z.array(z.number()).exactOptional(),
  inodes: z.number().exactOptional(),
  pids: z.number().exactOptional(),
  cpuCores: z.number().exactOptional(),
  cpuShares: z.number().exactOptional(),
  bandwidth: z.object({ bytesPerSecond: z.number(), burstBytes: z.number() }).exactOptional(),
  egress: z.array(egressRule).exactOptional(),
  rootfs: z.string().exactOptional(),
  readOnlyPaths: z
    .array(z.object({ source: z.string(), target: z.string().exactOptional() }))
    .exactOptional(),
});

const output = z.object({ stdoutPath: z.string(), stderrPath: z.string() });
const identity = z.object({ pid: z.int().positive(), startTime: z.number() });

/** Reads a `ContainerSnapshot` back from a file. */
export const containerSnapshotSchema = z.object({
  isolation: z.enum(['process', 'runc']),
  spec: containerSpecSchema,
  process: identity.exactOptional(),
  output: output.exactOptional(),
});

/** What a runc container leaves on disk before it makes anything that could leak. */
export const recordSchema = z.object({
  spec: containerSpecSchema,
  slot: z.int().nonnegative(),
  /** Bytes and files that an empty disk holds; they are not the application's. */
  emptyDisk: z.object({ bytes: z.number(), inodes: z.number() }).exactOptional(),
  process: identity.exactOptional(),
  output: output.exactOptional(),
  spawned: z.boolean(),
  /** How it ended, once that is known. */
  exit: z
    .object({ exitStatus: z.number(), reason: z.enum(['exited', 'out of memory', 'out of disk', 'unknown']) })
    .exactOptional(),
  /** Only its files are left. */
  retired: z.boolean(),
});
export type ContainerRecord = z.infer<typeof recordSchema>;
