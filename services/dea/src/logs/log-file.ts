import { spawn } from 'node:child_process';
import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const BLOCK_BYTES = 4096;
const COPY_BYTES = 1024 * 1024;
const READ_FLAGS = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
const COPY_FLAGS =
  constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_TRUNC;

/**
 * A log that the application appends to and the DEA reads behind it. The directory is the application's: nothing in
 * it is followed as a link or waited for, and the file is held open, so what it renames or removes is still read.
 */
export class LogFile {
  /** Bytes read so far. */
  position: number;
  private readonly dirFd: number;
  private readonly fd: number;
  private readonly name: string;
  private inPlace = true;

  /** Throws when there is no such regular file. */
  constructor(dir: string, name: string, position: number) {
    this.name = name;
    this.dirFd = openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    let fd: number | undefined;
    try {
      fd = openSync(this.within(name), READ_FLAGS);
      const stat = fstatSync(fd);
      if (!stat.isFile()) throw new Error(`${name} is no regular file`);
      this.position = position <= stat.size ? position : 0;
    } catch (error) {
      closeSync(this.dirFd);
      if (fd !== undefined) closeSync(fd);
      throw error;
    }
    this.fd = fd;
  }

  /** Bytes not read yet. A file that the application itself cut short is read from its beginning again. */
  backlog(): number {
    const { size } = fstatSync(this.fd);
    if (size < this.position) this.position = 0;
    return size - this.position;
  }

  /** At most `buffer.length` bytes that are there. */
  read(buffer: Buffer): Buffer {
    const bytes = readSync(this.fd, buffer, 0, buffer.length, this.position);
    this.position += bytes;
    return buffer.subarray(0, bytes);
  }

  skip(bytes: number): void {
    this.position += bytes;
  }

  /** How many bytes `cut` would take away to bring a file of more than `maxBytes` down; 0: not due. */
  cutDue(maxBytes: number): number {
    const { size } = fstatSync(this.fd);
    if (size <= maxBytes) return 0;
    if (!this.inPlace) return this.position >= size ? size : 0;
    const blocks = Math.floor(Math.min(this.position, size - 1) / BLOCK_BYTES);
    return blocks * BLOCK_BYTES;
  }

  /**
   * Takes `bytes`, all of them read, from the beginning; the last `keep` of them go to `<name>.1`. Done by the file
   * system in one step where it can (ext4, xfs), so that nothing is lost. Elsewhere the file is cut to nothing, and
   * what is written in the microseconds between the last look and the cut is lost: see `false`, then ask again.
   */
  async cut(bytes: number, keep: number): Promise<boolean> {
    this.copy(Math.max(0, bytes - keep), bytes);
    if (this.inPlace) {
      this.inPlace = await collapse(this.fd, bytes);
      if (this.inPlace) this.position -= bytes;
      return this.inPlace;
    }
    if (fstatSync(this.fd).size !== this.position) return false;
    ftruncateSync(this.fd, 0);
    this.position = 0;
    return true;
  }

  close(): void {
    closeSync(this.fd);
    closeSync(this.dirFd);
  }

  private copy(from: number, to: number): void {
    let copy: number | undefined;
    try {
      copy = openSync(this.within(`${this.name}.1`), COPY_FLAGS, 0o600);
      if (!fstatSync(copy).isFile()) return;
      const buffer = Buffer.alloc(Math.min(COPY_BYTES, to - from));
      for (let at = from; at < to;) {
        const bytes = readSync(this.fd, buffer, 0, Math.min(buffer.length, to - at), at);
        if (bytes === 0) break;
        writeSync(copy, buffer, 0, bytes);
        at += bytes;
      }
    } catch {
      // its disk is full, or something of its own stands there: the stream goes on without the older copy
    } finally {
      if (copy !== undefined) closeSync(copy);
    }
  }

  /** A path in the directory that was opened, whatever stands under its name by now. */
  private within(name: string): string {
    return join(`/proc/self/fd/${this.dirFd}`, name);
  }
}

/** Removes the first bytes of an open file in one step; false when the file system cannot. */
function collapse(fd: number, bytes: number): Promise<boolean> {
  return new Promise((resolve) => {
    const args = ['--collapse-range', '--offset', '0', '--length', String(bytes), '/proc/self/fd/3'];
    const child = spawn('fallocate', args, {
      stdio: ['ignore', 'ignore', 'ignore', fd],
      env: { PATH: '/usr/bin:/bin' },
    });
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}
