import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import type { Blobstore } from '@vcap/blobstore';
import { z } from 'zod';
import { ApiError } from '../errors.ts';
import type { PackageFiles } from '../ports.ts';
import type { FileTree } from './file-tree.ts';
import { resourceEntry } from './resource-list.ts';
import type { Resource } from './resource-list.ts';

const stored = z.strictObject({ package: z.string(), resources: z.array(resourceEntry) });
const wish = z.strictObject({
  package: z.string().regex(/^[0-9a-f]{40}$/),
  without: z.array(z.string()),
});

/** What an upload keeps of the package before it: all its files but these. */
export type Kept = z.infer<typeof wish>;

/** Reads the `base` field of an upload; throws 100 when it is not of that shape. */
export function parseBase(text: string): Kept {
  try {
    return wish.parse(JSON.parse(text));
  } catch {
    throw new ApiError(100, 'the field base must be {"package": sha1, "without": [paths]}');
  }
}

/** The list of a package's files beside the package, so that an update sends its differences only. */
export class FileLists {
  readonly #blobstore: Blobstore;

  constructor(blobstore: Blobstore) {
    this.#blobstore = blobstore;
  }

  /** The files of this very package; undefined when there is no list of it. */
  async read(appGuid: string, packageSha1: string): Promise<PackageFiles | undefined> {
    const blob = await this.#blobstore.open(keyOf(appGuid));
    if (!blob) return undefined;
    try {
      const list = stored.parse(JSON.parse(await readAll(blob.body)));
      return list.package === packageSha1 ? list : undefined;
    } catch {
      return undefined; // cut short by a crash: the next upload writes it anew
    }
  }

  /** Keeps the list of a package that was just made, of those of its files that the pool keeps. */
  async write(
    appGuid: string,
    packageSha1: string,
    tree: FileTree,
    workDir: string,
    isPooled: (size: number) => boolean,
  ): Promise<void> {
    const resources = tree.entries().flatMap(([fn, source]): Resource[] => {
      if (source.kind !== 'file' && source.kind !== 'pooled') return [];
      const { sha1, size, mode } = source;
      if (!isPooled(size)) return [];
      return [{ fn, sha1, size, mode }];
    });
    const path = join(workDir, 'files.json');
    await writeFile(path, JSON.stringify({ package: packageSha1, resources }), { mode: 0o600 });
    await this.#blobstore.putFile(keyOf(appGuid), path, { durable: false });
  }

  async delete(appGuid: string): Promise<void> {
    await this.#blobstore.delete(keyOf(appGuid));
  }
}

function keyOf(appGuid: string): string {
  return `file-lists/${appGuid}`;
}
