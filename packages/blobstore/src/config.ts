import { z } from 'zod';

const s3 = z
  .strictObject({
    /** Where the store answers; left out: Amazon's own address of the region. */
    endpoint: z.url({ protocol: /^https?$/, error: 'must be like https://s3.example.com' }).optional(),
    region: z.string().min(1).default('us-east-1'),
    /** It must exist. */
    bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be a name of a bucket'),
    /** Words before every key, so that several platforms can share a bucket. */
    prefix: z
      .string()
      .regex(/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/, 'must be words of letters, digits, ".", "_", "-"')
      .optional(),
    access_key_id: z.string().min(1),
    secret_access_key: z.string().min(1).optional(),
    /** Read again from time to time: a new key needs no restart. */
    secret_access_key_file: z.string().min(1).optional(),
    /** The bucket in the path instead of the host name: what most stores but Amazon's want. */
    path_style: z.boolean().default(false),
    /** Seconds without an answer, or without a byte of it, until a try counts as failed. */
    timeout: z.number().positive().max(600).default(30),
    /** Tries of one request, with growing pauses between them. */
    attempts: z.int().min(1).max(10).default(4),
  })
  .refine((c) => (c.secret_access_key === undefined) !== (c.secret_access_key_file === undefined), {
    error: 'needs exactly one of secret_access_key and secret_access_key_file',
  });

/** An S3-compatible object store. */
export type S3Config = z.infer<typeof s3>;
/** Where blobs are kept: a directory, or a bucket of an object store. */
export type BlobstoreConfig = { root: string; s3?: undefined } | { root?: undefined; s3: S3Config };

/** The key `blobstore` of a component's configuration file: `{ root: /directory }` or `{ s3: { ... } }`. */
export const blobstoreConfig = z
  .strictObject({ root: z.string().min(1).optional(), s3: s3.optional() })
  .refine((c) => (c.root === undefined) !== (c.s3 === undefined), {
    error: 'needs exactly one of root and s3',
  })
  .transform((c) => c as BlobstoreConfig);
