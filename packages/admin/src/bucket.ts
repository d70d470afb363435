import { mkdir, rm } from 'node:fs/promises';
import { createBlobstore, createDiskBlobstore } from '@vcap/blobstore';
import type { Blobstore, S3Config } from '@vcap/blobstore';
import { saveFiles } from './files.ts';
import { runProgram } from './programs.ts';

/** Objects on their way at once. */
const lanes = 8;

/**
 * Saves all blobs of a bucket as a directory would be saved, so that a backup of one can be restored to the other. Needs
 * room for them twice, beside the backup. What is deleted meanwhile is taken or not.
 */
export async function saveBucket(s3: S3Config, to: string): Promise<void> {
  await withFolder(`${to}.blobs`, async (folder) => {
    await copyAll(createBlobstore({ s3 }), createDiskBlobstore({ root: folder }));
    await saveFiles(folder, to);
  });
}

/** Puts what was saved into the bucket, and then takes away what was not. */
export async function restoreBucket(from: string, s3: S3Config): Promise<void> {
  await withFolder(`${from}.blobs`, async (folder) => {
    await runProgram(['tar', '--no-same-owner', '-C', folder, '-xpf', from]);
    const bucket = createBlobstore({ s3 });
    const kept = await copyAll(createDiskBlobstore({ root: folder }), bucket);
    const extra = (await bucket.list()).filter(({ key }) => !kept.has(key));
    await inLanes(extra, ({ key }) => bucket.delete(key));
  });
}

export const bucketHasData = async (s3: S3Config): Promise<boolean> =>
  (await createBlobstore({ s3 }).list()).length > 0;

async function copyAll(from: Blobstore, to: Blobstore): Promise<Set<string>> {
  const all = await from.list();
  await inLanes(all, async ({ key }) => {
    const found = await from.open(key);
    if (found) await to.put(key, found.body);
  });
  return new Set(all.map(({ key }) => key));
}

async function inLanes<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (const item of left) await work(item);
    }),
  );
}

async function withFolder(path: string, work: (path: string) => Promise<void>): Promise<void> {
  await rm(path, { recursive: true, force: true });
  await mkdir(path, { mode: 0o700 });
  try {
    await work(path);
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}
