import { constants, open as openCallback } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';

/**
 * Gives `write` a descriptor for what a command says, and `read` the other end. What is not read holds the command up; a
 * reader that fails makes it fail, and its failure is the one that counts. `path`: a FIFO that nobody uses.
 */
export const throughPipe = async <Result>(
  path: string,
  write: (fd: number, signal: AbortSignal) => Promise<Result>,
  read: (source: Readable) => Promise<void>,
): Promise<Result> => {
  const source = new Socket({ fd: await openReader(path), readable: true, writable: false });
  const failed = new AbortController();
  try {
    const writer = await open(path, constants.O_WRONLY);
    const reading = read(source);
    reading.catch((error: unknown) => {
      source.destroy();
      failed.abort(error);
    });
    const [said, heard] = await Promise.allSettled([
      thenClose(writer, write(writer.fd, failed.signal)),
      reading,
    ]);
    if (heard.status === 'rejected' && failed.signal.aborted) throw heard.reason;
    if (said.status === 'rejected') throw said.reason;
    return said.value;
  } finally {
    source.destroy();
  }
};

const thenClose = async <Result>(file: FileHandle, use: Promise<Result>): Promise<Result> => {
  try {
    return await use;
  } finally {
    await file.close();
  }
};

/** A descriptor without a FileHandle, as the socket closes it itself. */
const openReader = (path: string): Promise<number> =>
  new Promise((resolve, reject) => {
    openCallback(path, constants.O_RDONLY | constants.O_NONBLOCK, (error, fd) => {
      if (error === null) resolve(fd);
      else reject(error);
    });
  });
