import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';

export const manifestName = 'manifest.json';
const part = z.strictObject({
  name: z.string(),
  kind: z.enum(['sqlite', 'database', 'server', 'files']),
  file: z.string().refine((file) => basename(file) === file && !file.startsWith('.'), 'must be a plain name'),
  bytes: z.int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
const manifest = z.strictObject({ version: z.literal(1), made: z.string(), parts: z.array(part) });

/** One file of a backup. */
export type Part = z.infer<typeof part>;
/** What a backup holds; written last, so that an unfinished one has none. */
export type Manifest = z.infer<typeof manifest>;

export async function digestOf(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return { bytes: (await stat(path)).size, sha256: hash.digest('hex') };
}

/** Reads a backup's manifest and every file of it. Throws where one is missing or not what was written. */
export async function verifiedManifest(dir: string): Promise<Manifest> {
  let text: string;
  try {
    text = await readFile(join(dir, manifestName), 'utf8');
  } catch (cause) {
    throw new Error(`${dir} is no backup, or an unfinished one: it has no ${manifestName}`, { cause });
  }
  const read = manifest.parse(JSON.parse(text));
  for (const { bytes, file, sha256 } of read.parts) {
    const now = await digestOf(join(dir, file));
    if (now.bytes !== bytes || now.sha256 !== sha256)
      throw new Error(`${file} is not what was saved: ${now.bytes} bytes instead of ${bytes}, or other ones`);
  }
  return read;
}
