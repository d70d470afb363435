import { createWriteStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import busboy from 'busboy';
import { ApiError } from '../errors.ts';
import { Meter } from './meter.ts';
import type { Allowance } from './meter.ts';

const MOST_FIELD_BYTES = 32 * 1024 * 1024;

/** What is done with the parts of a form. */
export interface FormHandlers {
  /** Called for each file part; must read the stream to its end, or reject. */
  file(name: string, content: Readable): Promise<void>;
  /** Called for each plain field; may throw. */
  field(name: string, value: string): void;
}

/**
 * Reads a multipart form as a stream. Throws 100 for what is no form and when the client went away in the middle, and
 * whatever a handler throws. The request itself stays whole, so that the client can read why it was refused.
 */
export async function readForm(request: IncomingMessage, handlers: FormHandlers): Promise<void> {
  const parser = parserFor(request);
  const files: Promise<void>[] = [];
  const failures: unknown[] = [];
  const fail = (error: unknown): void => {
    failures.push(error);
    // The parser would wait for ever for a part that nobody reads any more.
    parser.destroy();
  };
  const gone = (): void => {
    if (!request.complete) fail(new ApiError(100, 'the upload ended before it was complete'));
  };
  parser.on('file', (name, content) => {
    content.on('error', () => undefined); // its reader fails with it, or never began
    files.push(handlers.file(name, content).catch(fail));
  });
  parser.on('field', (name, value, { valueTruncated }) => {
    try {
      if (valueTruncated) throw new ApiError(100, `the field ${name} is too long`);
      handlers.field(name, value);
    } catch (error) {
      fail(error);
    }
  });
  parser.on('error', (error: Error) => fail(new ApiError(100, error.message)));
  request.on('error', gone).on('close', gone);
  const closed = new Promise<void>((resolve) => {
    parser.once('close', resolve);
  });
  if (request.destroyed) gone();
  else request.pipe(parser);
  await closed;
  await Promise.all(files);
  request.unpipe(parser).off('close', gone);
  if (failures.length === 0) return;
  request.resume();
  throw failures[0];
}

function parserFor(request: IncomingMessage): busboy.Busboy {
  try {
    return busboy({
      headers: request.headers,
      limits: { fieldSize: MOST_FIELD_BYTES, files: 1, fields: 20, parts: 25 },
      defParamCharset: 'utf8',
    });
  } catch (error) {
    request.resume();
    throw new ApiError(100, error instanceof Error ? error.message : 'not a multipart form');
  }
}

/** Writes a file part to disk and answers its hex sha1; throws 402 when it is larger than allowed. */
export async function saveFile(content: Readable, path: string, allowance: Allowance): Promise<string> {
  const meter = new Meter(allowance);
  await pipeline(content, meter, createWriteStream(path, { mode: 0o600 }));
  return meter.sha1();
}
