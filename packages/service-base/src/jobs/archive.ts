import { createHash } from 'node:crypto';
import { PassThrough } from 'node:stream';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { ServiceError, serviceErrors } from '@vcap/service-api';
import { openPromise } from 'yauzl';
import type { Entry } from 'yauzl';
import { ZipFile } from 'yazl';
import { z } from 'zod';

const manifestSchema = z.looseObject({
  version: z.literal(1),
  service_version: z.string().nullish(),
  plan: z.string().nullish(),
  provider: z.string().nullish(),
  /** Of the content; ours have it. */
  sha256: z.string().nullish(),
});
export type Manifest = z.infer<typeof manifestSchema>;
const mostManifestBytes = 64 * 1024;

/**
 * A serialized file: a zip with `content/<name>` and `manifest` (services.md §6), as a stream. `size` tells, at the end,
 * how long the content was.
 */
export function serialize(
  content: Readable,
  options: { name: string; date: Date; manifest: Manifest; onBytes?: (bytes: number) => void },
): { zip: Readable; size: () => number } {
  const zip = new ZipFile();
  const hash = createHash('sha256');
  const out = new PassThrough();
  let size = 0;
  const measured = async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      hash.update(chunk);
      size += chunk.length;
      options.onBytes?.(size);
      yield chunk;
    }
    const manifest = { ...options.manifest, sha256: hash.digest('hex') };
    zip.addBuffer(Buffer.from(JSON.stringify(manifest)), 'manifest', { mtime: options.date });
    zip.end();
  };
  const body = new PassThrough();
  zip.addReadStream(body, `content/${options.name}`, { compress: false, mtime: options.date });
  const broken = (error: unknown): void => {
    out.destroy(error instanceof Error ? error : new Error(String(error)));
  };
  pipeline(content, measured, body).catch(broken);
  pipeline(zip.outputStream as Readable, out).catch(broken);
  zip.on('error', broken);
  return { zip: out, size: () => size };
}

export interface OpenedArchive {
  manifest: Manifest;
  /** Bytes of the content. */
  size: number;
  /** The content; fails at its end when it is not what the manifest says. */
  content(): Promise<Readable>;
  close(): void;
}

/** Opens a serialized file; 30803 when it is none, 30806 when it is broken. */
export async function openArchive(path: string): Promise<OpenedArchive> {
  const zip = await openPromise(path, { lazyEntries: true, autoClose: false }).catch((cause: unknown) => {
    throw new ServiceError(serviceErrors.corruptFile, 'it is not a zip file', { cause });
  });
  try {
    let manifestEntry: Entry | undefined;
    const contents: Entry[] = [];
    for await (const entry of zip.eachEntry()) {
      if (entry.fileName === 'manifest') manifestEntry = entry;
      else if (entry.fileName.startsWith('content/') && !entry.fileName.endsWith('/')) contents.push(entry);
    }
    const [content] = contents;
    if (!manifestEntry || !content || contents.length > 1) {
      throw new ServiceError(serviceErrors.invalidFile, 'it must hold a manifest and one content');
    }
    if (manifestEntry.uncompressedSize > mostManifestBytes) {
      throw new ServiceError(serviceErrors.invalidFile, 'its manifest is too large');
    }
    const json = await text(await zip.openReadStreamPromise(manifestEntry));
    const manifest = manifestOf(json);
    return {
      manifest,
      size: content.uncompressedSize,
      content: async () => checked(await zip.openReadStreamPromise(content), manifest.sha256 ?? undefined),
      close: () => zip.close(),
    };
  } catch (cause) {
    zip.close();
    if (cause instanceof ServiceError) throw cause;
    throw new ServiceError(serviceErrors.corruptFile, cause instanceof Error ? cause.message : '', { cause });
  }
}

function manifestOf(json: string): Manifest {
  try {
    return manifestSchema.parse(JSON.parse(json));
  } catch (cause) {
    throw new ServiceError(serviceErrors.invalidFile, 'its manifest is not of version 1', { cause });
  }
}

function checked(source: Readable, sha256: string | undefined): Readable {
  if (sha256 === undefined) return source;
  const hash = createHash('sha256');
  const out = new PassThrough();
  const verify = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      hash.update(chunk);
      yield chunk;
    }
    if (hash.digest('hex') !== sha256.toLowerCase()) {
      throw new ServiceError(serviceErrors.corruptFile, 'its content is not what its manifest says');
    }
  };
  pipeline(source, verify, out).catch(() => undefined);
  return out;
}
