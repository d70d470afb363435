import { constants } from 'node:fs';
import { open, readdir, readlink, realpath } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { StagingError } from '../domain/staging-error.ts';

const LARGEST_TEXT_BYTES = 16 * 1024 * 1024;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** A FIFO is not waited for and a terminal not taken. */
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

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

  /** Names of the regular files at the app's top, sorted. */
  async top(): Promise<string[]> {
    const directory = await open(await this.#realRoot(), DIRECTORY);
    try {
      return (await readdir(`/proc/self/fd/${directory.fd}`, { withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map(({ name }) => name)
        .sort();
    } finally {
      await directory.close();
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

  /** The app's directory itself may have been replaced too: its own name is not followed. */
  async #realRoot(): Promise<string> {
    return join(await realpath(dirname(this.#root)), basename(this.#root));
  }

  async #open(name: string): Promise<FileHandle | undefined> {
    let file: FileHandle | undefined;
    try {
      const root = await this.#realRoot();
      const path = await realpath(join(root, name));
      if (!path.startsWith(root + sep)) return undefined;
      file = await open(path, READ);
      const opened = await readlink(`/proc/self/fd/${file.fd}`);
      if (!opened.startsWith(root + sep) || !(await file.stat()).isFile()) return undefined;
      const found = file;
      file = undefined;
      return found;
    } catch {
      return undefined; // no such file, or a link that leads nowhere
    } finally {
      await file?.close();
    }
  }
}
