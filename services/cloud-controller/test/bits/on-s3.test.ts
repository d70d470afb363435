import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { blobstoreConfig } from '@vcap/blobstore';
import type { BlobstoreConfig } from '@vcap/blobstore';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startSwift, swiftMissing } from '@vcap/testkit';
import type { S3Server } from '@vcap/testkit';
import { rawZip } from './support/raw-zip.ts';
import { keepBlobsIn, startBitsServer } from './support/bits-server.ts';

const missing = swiftMissing('bits in an object store');

let store: S3Server | undefined;
let stores = 0;
const newStore = (change: object = {}): BlobstoreConfig => {
  if (!store) throw new Error('there is no object store yet');
  return blobstoreConfig.parse({
    s3: {
      endpoint: store.endpoint,
      bucket: 'bits',
      prefix: `store-${stores++}`,
      access_key_id: store.accessKeyId,
      secret_access_key: store.secretAccessKey,
      path_style: true,
      ...change,
    },
  });
};

beforeAll(async () => {
  if (missing !== undefined) return;
  store = await startSwift();
  const { accessKeyId, endpoint, region, secretAccessKey } = store;
  const credentials = { accessKeyId, secretAccessKey };
  const admin = new S3Client({ endpoint, region, forcePathStyle: true, credentials });
  await admin.send(new CreateBucketCommand({ Bucket: 'bits' }));
  admin.destroy();
}, 120_000);
afterAll(() => store?.stop());

(missing === undefined ? describe : describe.skip)('bits in an object store', () => {
  test('an upload while the store is away is refused with a reason, and goes through afterwards', async () => {
    const server = await startBitsServer({ blobstore: newStore({ attempts: 1 }) });
    const zip = rawZip([{ name: 'f', content: 'abc' }]);
    await store?.kill();
    try {
      expect(await server.upload({ zip })).toMatchObject({
        code: 402,
        description: expect.stringContaining('try again'),
      });
      expect(await server.droplet('one')).toMatchObject({ code: 402 });
    } finally {
      await store?.revive();
    }
    expect(await server.upload({ zip })).toMatchObject({ status: 200 });
    expect((await server.unpack())['f']?.content).toBe('abc');
    await server.verifyClean();
    await server.close();
  }, 120_000);
});

// All that holds for a directory.
if (missing === undefined) {
  keepBlobsIn(newStore);
  await import('./upload.test.ts');
  await import('./droplets.test.ts');
  await import('./base.test.ts');
}
