import { readdir } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { openInside } from '@vcap/warden';
import { StagingError } from '../domain/staging-error.ts';

const LARGEST_TEXT_BYTES = 16 * 1024 * 1024;

/**
 * An app's files as the stager itself reads them. Links count as long as they stay inside: the opened file and not its
 * name is compared with the app's directory, so that an app which changes its files meanwhile gains nothing.
 */
export class AppFiles {
  readonly #root: string;

  /** `root`: the app's directory as the host sees it. */
  constructor(root: string) {
    this.#root = root;
  }

  /** Whether a regular file of this name is in the app. */
  async has(name: string): Promise<boolean> {
    const file = await this.#open(name);
    await file?.close();
    return file !== undefined;
  }

  /** Names of the regular files at the app's top, sorted. @throws StagingError `CompileFailed` when it was replaced */
  async top(): Promise<string[]> {
    const directory = await openInside(this.#root, '');
    if (typeof directory === 'string')
      throw new StagingError('CompileFailed', 'the directory of the application is not there any more');
    try {
      return (await readdir(directory.fdPath, { withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map(({ name }) => name)
        .sort();
    } finally {
      await directory.handle.close();
    }
  }

  /** A file of the app as text; undefined when there is none. @throws StagingError `CompileFailed` above 16 MiB */
  async text(name: string): Promise<string | undefined> {
    const file = await this.#open(name);
    if (file === undefined) return undefined;
    try {
      const buffer = Buffer.alloc(Math.min((await file.stat()).size, LARGEST_TEXT_BYTES) + 1);
      let length = 0;
      while (length < buffer.length) {
        const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      if (length > LARGEST_TEXT_BYTES)
        throw new StagingError('CompileFailed', `${name} is larger than ${LARGEST_TEXT_BYTES} bytes`);
      return buffer.toString('utf8', 0, length);
    } finally {
      await file.close();
    }
  }

  async #open(name: string): Promise<FileHandle | undefined> {
    const entry = await openInside(this.#root, name);
    if (typeof entry === 'string') return undefined;
    if (entry.stat.isFile()) return entry.handle;
    await entry.handle.close();
    return undefined;
  }
}
