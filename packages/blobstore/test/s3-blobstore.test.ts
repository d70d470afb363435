import { mkdir, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { CreateBucketCommand, ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { FakeClock, systemClock } from '@vcap/clock';
import { startSwift, swiftMissing, tempDir, waitFor } from '@vcap/testkit';
import type { S3Server, TempDir } from '@vcap/testkit';
import { blobstoreConfig, BlobstoreError, checksOfBlobstore, createBlobstore } from '../src/index.ts';
import type { Blobstore, BlobstoreParts } from '../src/index.ts';
import { describeBlobstore } from './conformance.ts';

const missing = swiftMissing('blobs in an object store');
const withStore = missing === undefined ? describe : describe.skip;

withStore('an object store', () => {
  let server: S3Server;
  let admin: S3Client;
  let folder: TempDir;
  beforeAll(async () => {
    folder = await tempDir('s3-blobs');
    server = await startSwift();
    admin = new S3Client({
      endpoint: server.endpoint,
      region: server.region,
      forcePathStyle: true,
      credentials: { accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey },
    });
    await admin.send(new CreateBucketCommand({ Bucket: 'blobs' }));
  }, 120_000);
  afterAll(async () => {
    admin?.destroy();
    await server?.stop();
    await folder.remove();
  }, 60_000);

  const open = (prefix: string, change: object = {}, parts: BlobstoreParts = {}): Blobstore => {
    const { accessKeyId, endpoint, secretAccessKey } = server;
    const config = blobstoreConfig.parse({
      s3: {
        endpoint,
        bucket: 'blobs',
        prefix,
        access_key_id: accessKeyId,
        secret_access_key: secretAccessKey,
        path_style: true,
        ...change,
      },
    });
    return createBlobstore(config, parts);
  };
  const unfinished = async (prefix: string): Promise<number> => {
    const found = await admin.send(
      new ListMultipartUploadsCommand({ Bucket: 'blobs', Prefix: `${prefix}/` }),
    );
    return found.Uploads?.length ?? 0;
  };
  const pieces = async function* (count: number, each?: (at: number) => unknown): AsyncGenerator<Buffer> {
    const chunk = randomBytes(1_000_000);
    for (let at = 0; at < count; at++) {
      await each?.(at);
      yield chunk;
    }
  };

  describeBlobstore('an object store', () => ({
    store: open('conformance'),
    leftovers: () => unfinished('conformance'),
  }));

  test('platforms with a prefix each do not see one another', async () => {
    await open('one').put('a/b', Readable.from(['one']));
    await open('two').put('a/b', Readable.from(['two']));
    expect(await text((await open('one').open('a/b'))!.body)).toBe('one');
    expect((await open('one').list()).map(({ key }) => key)).toEqual(['a/b']);
  });

  test('a new secret in the file is taken without a restart', async () => {
    const file = join(folder.path, 'secret');
    await writeFile(file, 'wrong\n');
    const clock = new FakeClock(systemClock.now());
    const store = open('secret', { secret_access_key: undefined, secret_access_key_file: file }, { clock });
    await expect(store.put('a/b', Readable.from(['x']))).rejects.toThrow(/refuses the credentials/);
    await writeFile(file, `${server.secretAccessKey}\n`);
    await clock.advance(61_000);
    await store.put('a/b', Readable.from(['x']));
    expect(await store.head('a/b')).toEqual({ size: 1 });
  });

  test('what cannot work is said without secrets', async () => {
    const failures: Error[] = [];
    for (const change of [{ secret_access_key: 'a-wrong-secret' }, { bucket: 'no-such-bucket' }]) {
      const error = await open('wrong', change)
        .open('a/b')
        .catch((e: unknown) => e);
      expect(error).toBeInstanceOf(BlobstoreError);
      failures.push(error as Error);
    }
    const away = open('wrong', { endpoint: 'http://127.0.0.1:1', attempts: 2 });
    failures.push((await away.head('a/b').catch((e: unknown) => e)) as Error);
    expect(failures.map(({ message }) => message)).toEqual([
      expect.stringContaining('bucket blobs at 127.0.0.1:'),
      expect.stringContaining('has no such bucket'),
      expect.stringContaining('cannot be reached: ECONNREFUSED'),
    ]);
    for (const { message, cause } of failures)
      for (const shown of [message, JSON.stringify(cause), String(cause)])
        for (const secret of ['a-wrong-secret', server.secretAccessKey, 'Signature='])
          expect(shown).not.toContain(secret);
  });

  test('the join doctor hears whether the bucket can be used', async () => {
    const look = async (change: object): Promise<unknown> => {
      const { accessKeyId, endpoint, secretAccessKey } = server;
      const keys = { access_key_id: accessKeyId, secret_access_key: secretAccessKey };
      const s3 = { endpoint, bucket: 'blobs', path_style: true, ...keys, ...change };
      const [check] = checksOfBlobstore(blobstoreConfig.parse({ s3 }));
      expect(check?.what).toContain('can be used');
      return check?.look();
    };
    await expect(look({})).resolves.toEqual([]);
    await expect(look({ bucket: 'no-such-bucket' })).rejects.toThrow('has no such bucket');
    await expect(look({ secret_access_key: 'wrong' })).rejects.toThrow('refuses the credentials');
    expect(checksOfBlobstore({ root: '/nowhere' })).toEqual([]);
  });

  test('a store that dies in the middle of an upload keeps the old content, and the rest is swept', async () => {
    const log: object[] = [];
    const parts = {
      log: { info: (fields: object) => log.push(fields), warn: (fields: object) => log.push(fields) },
    };
    const store = open('upload', { attempts: 1, timeout: 20 });
    await store.put('a/b', Readable.from(['old']));
    const half = pieces(40, (at) => (at === 30 ? server.kill() : undefined));
    await expect(store.put('a/b', Readable.from(half))).rejects.toBeInstanceOf(BlobstoreError);
    await server.revive();
    expect(await text((await store.open('a/b'))!.body)).toBe('old');
    expect((await store.list()).map(({ key }) => key)).toEqual(['a/b']);
    expect(await unfinished('upload')).toBe(1);

    // Half an hour later its writer might live still.
    for (const [minutes, left] of [
      [30, 1],
      [120, 0],
    ] as const) {
      const clock = new FakeClock(systemClock.now() + minutes * 60_000);
      const later = open('upload', {}, { ...parts, clock });
      await later.put('a/c', Readable.from(['x']));
      await waitFor(async () => (await unfinished('upload')) === left, { timeoutMs: 30_000 });
    }
    await waitFor(() => log.length > 0, { timeoutMs: 30_000 });
    expect(log).toEqual([{ event: 'blobstore-uploads-swept', swept: 1 }]);
  }, 120_000);

  test('a read that breaks goes on where it broke, or fails: it is never cut short', async () => {
    const store = open('read', { attempts: 1, timeout: 20 });
    const content = await buffer(Readable.from(pieces(40)));
    await store.put('a/b', Readable.from([content]));
    const interrupted = async (reader: Blobstore, meanwhile: () => Promise<void>): Promise<Buffer> => {
      const chunks: Buffer[] = [];
      for await (const chunk of (await reader.open('a/b'))!.body) {
        if (chunks.push(chunk as Buffer) === 10) await meanwhile();
      }
      return Buffer.concat(chunks);
    };
    const patient = open('read', { attempts: 3 });
    const whole = await interrupted(patient, async () => {
      await server.kill();
      await server.revive();
    });
    expect(Buffer.compare(whole, content)).toBe(0);
    const path = join(folder.path, 'half');
    await expect(interrupted(store, () => server.kill())).rejects.toBeInstanceOf(BlobstoreError);
    await expect(store.copyToFile('a/b', path)).rejects.toBeInstanceOf(BlobstoreError);
    await server.revive();
    // In its place another content: the two are not mixed.
    await expect(
      interrupted(patient, async () => {
        await server.kill();
        await server.revive();
        await store.put('a/b', Readable.from(['new']));
      }),
    ).rejects.toBeInstanceOf(BlobstoreError);
    await mkdir(path); // nothing is there
  }, 120_000);

  test('a store that is silent is given up', async () => {
    const patient = open('silent');
    await patient.put('a/b', Readable.from(['x']));
    const store = open('silent', { attempts: 1, timeout: 2 });
    server.freeze();
    try {
      await expect(store.head('a/b')).rejects.toThrow(/does not answer in time/);
      await expect(store.put('a/c', Readable.from(['x']))).rejects.toThrow(/does not answer in time/);
    } finally {
      server.thaw();
    }
    expect(await text((await patient.open('a/b'))!.body)).toBe('x');
  }, 60_000);
});

test.each([
  [{}, 'exactly one of root and s3'],
  [{ root: '/x', s3: { bucket: 'abc', access_key_id: 'a', secret_access_key: 'b' } }, 'exactly one of root'],
  [{ s3: { bucket: 'abc', access_key_id: 'a' } }, 'exactly one of secret_access_key and'],
  [{ s3: { bucket: 'A B', access_key_id: 'a', secret_access_key: 'b' } }, 'name of a bucket'],
])('the configuration %j is refused', (config, why) => {
  expect(() => blobstoreConfig.parse(config)).toThrow(why);
});
