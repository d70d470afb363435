import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
} from '@aws-sdk/client-s3';
import type { ListPartsCommandOutput, MultipartUpload, S3Client } from '@aws-sdk/client-s3';
import { isAbsent } from './s3-error.ts';

/**
 * Takes back uploads in parts below `prefix` that got no part since `olderThanMs` (since the epoch): their writers died.
 * Nobody sees them, but they take room. Answers how many there were.
 */
export async function sweepUploads(
  client: S3Client,
  { bucket, prefix, olderThanMs }: { bucket: string; prefix: string; olderThanMs: number },
): Promise<number> {
  let swept = 0;
  for await (const { Key, UploadId, Initiated } of uploads(client, bucket, prefix)) {
    if (Key === undefined || UploadId === undefined || (Initiated?.getTime() ?? 0) >= olderThanMs) continue;
    const upload = { Bucket: bucket, Key, UploadId };
    try {
      if ((await newestPart(client, upload)) >= olderThanMs) continue;
      await client.send(new AbortMultipartUploadCommand(upload));
      swept += 1;
    } catch (error) {
      // Ended meanwhile, by its writer or by another sweep.
      if (!isAbsent(error)) throw error;
    }
  }
  return swept;
}

async function newestPart(
  client: S3Client,
  upload: { Bucket: string; Key: string; UploadId: string },
): Promise<number> {
  let newest = 0;
  // The client's own pages do not end where a store names the last part of the last page.
  for (let after: string | undefined; ;) {
    const page: ListPartsCommandOutput = await client.send(
      new ListPartsCommand({ ...upload, PartNumberMarker: after }),
    );
    for (const { LastModified } of page.Parts ?? []) newest = Math.max(newest, LastModified?.getTime() ?? 0);
    if (page.IsTruncated !== true || page.NextPartNumberMarker === undefined) return newest;
    after = page.NextPartNumberMarker;
  }
}

async function* uploads(client: S3Client, bucket: string, prefix: string): AsyncGenerator<MultipartUpload> {
  let from: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = {};
  for (;;) {
    const query = { Bucket: bucket, Prefix: prefix, ...from };
    const page = await client.send(new ListMultipartUploadsCommand(query));
    yield* page.Uploads ?? [];
    if (page.IsTruncated !== true || page.NextKeyMarker === undefined) return;
    from = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
  }
}
