import { createWriteStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import busboy from 'busboy';
import { ApiError } from '../errors.ts';

const mostFieldBytes = 64 * 1024 * 1024;

export interface FormHandlers {
  /** Called for each file part; must consume the stream. */
  file(name: string, content: Readable): Promise<void>;
  /** Called for each plain field. */
  field(name: string, value: string): void;
}

/** Reads a multipart form as a stream. Throws 100 for what is no form, or when the client went away in the middle. */
export async function readForm(request: IncomingMessage, handlers: FormHandlers): Promise<void> {
  let parser: busboy.Busboy;
  try {
    parser = busboy({
      headers: request.headers,
      limits: { fieldSize: mostFieldBytes, files: 1, fields: 20, parts: 25 },
      defParamCharset: 'utf8',
    });
  } catch (error) {
    throw new ApiError(100, error instanceof Error ? error.message : 'not a multipart form');
  }
  const files: Promise<void>[] = [];
  parser.on('file', (name, content) => {
    const work = handlers.file(name, content);
    files.push(work);
    // A file that was refused must not hold up the rest of the form.
    work.catch(() => content.resume());
  });
  parser.on('field', (name, value, { valueTruncated }) => {
    if (valueTruncated) parser.destroy(new ApiError(100, `the field ${name} is too long`));
    else handlers.field(name, value);
  });
  const gone = (): void => void parser.destroy(new ApiError(100, 'the upload ended too early'));
  request.once('aborted', gone);
  try {
    await pipeline(request, parser);
    await Promise.all(files);
  } catch (error) {
    await Promise.allSettled(files);
    if (error instanceof ApiError) throw error;
    const failed = await Promise.allSettled(files).then((all) =>
      all.find(({ status }) => status === 'rejected'),
    );
    if (failed?.status === 'rejected' && failed.reason instanceof ApiError) throw failed.reason;
    throw new ApiError(100, error instanceof Error ? error.message : 'unreadable form');
  } finally {
    request.removeListener('aborted', gone);
  }
}

/** Writes a file part to disk; throws 402 when it is larger than `mostBytes`. */
export async function saveFile(content: Readable, path: string, mostBytes: number): Promise<void> {
  let size = 0;
  content.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > mostBytes) content.destroy(tooLarge(mostBytes));
  });
  await pipeline(content, createWriteStream(path, { mode: 0o600 }));
}

export function tooLarge(mostBytes: number): ApiError {
  return new ApiError(402, `the application is larger than ${(mostBytes / 1e6).toFixed(2)}MB`);
}
