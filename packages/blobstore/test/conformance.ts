import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { tempDir } from '@vcap/testkit';
import type { TempDir } from '@vcap/testkit';
import { Sha1MismatchError } from '../src/index.ts';
import type { Blobstore } from '../src/index.ts';

const sha1 = (content: string | Buffer): string => createHash('sha1').update(content).digest('hex');

/** An empty store, and how many of its writes are unfinished. */
export interface Subject {
  store: Blobstore;
  leftovers: () => Promise<number>;
}

/** More than an object store takes in one part. */
const LARGE_BYTES = 20_000_000;

/** What every back-end promises. */
export function describeBlobstore(name: string, make: (folder: string) => Subject | Promise<Subject>): void {
  describe(`${name} as a blobstore`, () => {
    let folder: TempDir;
    let store: Blobstore;
    let leftovers: () => Promise<number>;
    beforeAll(async () => {
      folder = await tempDir('blobs');
      await mkdir(join(folder.path, 'own'));
      ({ store, leftovers } = await make(join(folder.path, 'own')));
    }, 120_000);
    afterAll(() => folder.remove());

    const file = async (content: string): Promise<string> => {
      const path = join(folder.path, randomBytes(8).toString('hex'));
      await writeFile(path, content);
      return path;
    };
    const read = async (key: string): Promise<string | undefined> => {
      const found = await store.open(key);
      return found && (await text(found.body));
    };

    test('gives back what was put, with size and sha1', async () => {
      const content = randomBytes(300_000);
      const put = await store.put('packages/a', Readable.from([content]), { expectedSha1: sha1(content) });
      expect(put).toEqual({ sha1: sha1(content), size: 300_000 });
      const found = await store.open('packages/a');
      expect(found?.size).toBe(300_000);
      expect(Buffer.compare(await buffer(found!.body), content)).toBe(0);
      expect(await store.head('packages/a')).toEqual({ size: 300_000 });
    });

    test('keeps a large blob, in from a stream and a file, out to a stream and a file', async () => {
      const content = randomBytes(LARGE_BYTES);
      const chunks = Array.from({ length: 20 }, (_, at) =>
        content.subarray(at * 1_000_000, (at + 1) * 1_000_000),
      );
      const put = await store.put('large/1', Readable.from(chunks), { expectedSha1: sha1(content) });
      expect(put).toEqual({ sha1: sha1(content), size: LARGE_BYTES });
      const path = join(folder.path, 'large');
      expect(await store.copyToFile('large/1', path)).toBe(true);
      await store.putFile('large/2', path);
      const found = await store.open('large/2');
      expect(found?.size).toBe(LARGE_BYTES);
      expect(Buffer.compare(await buffer(found!.body), content)).toBe(0);
    }, 60_000);

    test('a large one with a wrong sha1 or a broken source keeps the old content and leaves nothing', async () => {
      await store.put('large/3', Readable.from(['old']));
      const chunk = randomBytes(1_000_000);
      const many = async function* (failure?: Error): AsyncGenerator<Buffer> {
        for (let at = 0; at < 20; at++) yield chunk;
        if (failure) throw failure;
      };
      const wrong = store.put('large/3', Readable.from(many()), { expectedSha1: sha1('other') });
      await expect(wrong).rejects.toBeInstanceOf(Sha1MismatchError);
      await expect(store.put('large/3', Readable.from(many(new Error('gone'))))).rejects.toThrow('gone');
      expect(await read('large/3')).toBe('old');
      expect(await leftovers()).toBe(0);
    }, 60_000);

    test('a file that is not there is said so', async () => {
      await expect(store.putFile('f/none', join(folder.path, 'none'))).rejects.toThrow('ENOENT');
      expect(await store.head('f/none')).toBeUndefined();
    });

    test('a reader may stop in the middle', async () => {
      await store.put('stop/1', Readable.from([randomBytes(3_000_000)]));
      const found = await store.open('stop/1');
      for await (const chunk of found!.body) {
        expect((chunk as Buffer).length).toBeGreaterThan(0);
        break;
      }
      const never = await store.open('stop/1');
      never!.body.destroy();
      expect(await store.head('stop/1')).toEqual({ size: 3_000_000 });
    });

    test('keeps an empty blob', async () => {
      await store.put('packages/empty', Readable.from([]));
      expect(await store.head('packages/empty')).toEqual({ size: 0 });
      expect(await read('packages/empty')).toBe('');
    });

    test('knows nothing of absent keys', async () => {
      expect(await store.open('no/such')).toBeUndefined();
      expect(await store.head('no/such')).toBeUndefined();
      expect(await store.list('no')).toEqual([]);
      expect(await store.copyToFile('no/such', join(folder.path, 'absent'))).toBe(false);
      await expect(store.delete('no/such')).resolves.toBeUndefined();
    });

    test('a wrong sha1 keeps the old content and leaves nothing', async () => {
      await store.put('d/x', Readable.from(['old']));
      await expect(
        store.put('d/x', Readable.from(['new']), { expectedSha1: sha1('other') }),
      ).rejects.toBeInstanceOf(Sha1MismatchError);
      expect(await read('d/x')).toBe('old');
      expect(await leftovers()).toBe(0);
    });

    test('a source that fails keeps the old content and leaves nothing', async () => {
      await store.put('d/y', Readable.from(['old']));
      const broken = Readable.from(
        (async function* () {
          yield 'half';
          throw new Error('gone');
        })(),
      );
      await expect(store.put('d/y', broken)).rejects.toThrow('gone');
      expect(await read('d/y')).toBe('old');
      expect(await leftovers()).toBe(0);
    });

    test('a reader that began before a replacement reads the old content to its end', async () => {
      await store.put('d/z', Readable.from(['old']));
      const before = await store.open('d/z');
      await store.put('d/z', Readable.from(['brand new']));
      expect(await text(before!.body)).toBe('old');
      expect(before!.size).toBe(3);
      expect(await read('d/z')).toBe('brand new');
    });

    test('takes a file over, durable or not', async () => {
      const path = await file('moved');
      await store.putFile('f/1', path);
      await store.putFile('f/2', await file('quick'), { durable: false });
      expect([await read('f/1'), await read('f/2')]).toEqual(['moved', 'quick']);
      await expect(stat(path)).rejects.toThrow('ENOENT');
    });

    test('copies to a new file only', async () => {
      await store.put('c/1', Readable.from(['copied']));
      const path = join(folder.path, 'copy');
      expect(await store.copyToFile('c/1', path)).toBe(true);
      expect(await readFile(path, 'utf8')).toBe('copied');
      await expect(store.copyToFile('c/1', path)).rejects.toThrow('EEXIST');
      expect(await readFile(path, 'utf8')).toBe('copied');
    });

    test('lists below a prefix, not beside it, and forgets what is deleted', async () => {
      for (const key of ['l/one/a', 'l/one/b', 'l/one/deep/c', 'l/onemore', 'l/one.x/d']) {
        await store.put(key, Readable.from([key]));
      }
      const keys = async (): Promise<string[]> => (await store.list('l/one')).map(({ key }) => key).sort();
      expect(await keys()).toEqual(['l/one/a', 'l/one/b', 'l/one/deep/c']);
      for (const { changedAt } of await store.list('l/one')) expect(changedAt).toBeGreaterThan(1e12);
      await store.delete('l/one/b');
      expect(await keys()).toEqual(['l/one/a', 'l/one/deep/c']);
      const all = (await store.list()).map(({ key }) => key);
      expect(all).toEqual(expect.arrayContaining(['l/one/a', 'l/one/deep/c', 'l/onemore', 'l/one.x/d']));
    });

    test.each(['', '/abs', 'a//b', 'a/../b', '..', 'a/.', 'a/', 'a\0b', 'a b', 'ü', 'a\\b', 'x'.repeat(300)])(
      'refuses the key %j',
      async (key) => {
        await expect(store.put(key, Readable.from(['x']))).rejects.toThrow('not a key');
        await expect(store.open(key)).rejects.toThrow('not a key');
        await expect(store.head(key)).rejects.toThrow('not a key');
        await expect(store.delete(key)).rejects.toThrow('not a key');
        await expect(store.list(key)).rejects.toThrow('not a key');
      },
    );

    test('many writers of one key end with one whole content', async () => {
      const contents = Array.from({ length: 20 }, (_, at) => String(at).repeat(50_000));
      await Promise.all(contents.map((content) => store.put('race/1', Readable.from([content]))));
      expect(contents).toContain(await read('race/1'));
      expect(await leftovers()).toBe(0);
    });
  });
}
