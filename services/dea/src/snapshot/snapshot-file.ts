import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { deaInstanceStart } from '@vcap/bus';
import { containerSnapshotSchema } from '@vcap/warden';

const entrySchema = z.object({
  id: z.string().regex(/^[\w-]+$/),
  handle: z.string().regex(/^[\w-]+$/),
  message: deaInstanceStart.schema,
  port: z.int(),
  private_instance_id: z.string(),
  state: z.enum(['BORN', 'STARTING', 'RUNNING', 'STOPPING', 'CRASHED', 'EVACUATING']),
  state_since_ms: z.number(),
  started_at_ms: z.number(),
  container: containerSnapshotSchema.exactOptional(),
});
const fileSchema = z.object({ dea_id: z.string().regex(/^[\w-]+$/), instances: z.array(entrySchema) });

/** One instance as it is written down; it holds credentials of services. */
export type SnapshotEntry = z.infer<typeof entrySchema>;
export type Snapshot = z.infer<typeof fileSchema>;

/** db/instances.json: what a DEA that was killed needs to find its instances again. Mode 0600. */
export class SnapshotFile {
  private readonly path: string;
  private writing: Promise<void> | undefined;
  private pending: (() => Snapshot) | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** Undefined when there is none; rejects when it cannot be understood. */
  async load(): Promise<Snapshot | undefined> {
    let text: string;
    try {
      text = await readFile(this.path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    return fileSchema.parse(JSON.parse(text));
  }

  /** Writes the newest state; calls while a write is under way are joined into one more write. */
  save(current: () => Snapshot): Promise<void> {
    this.pending = current;
    this.writing ??= this.drain();
    return this.writing;
  }

  private async drain(): Promise<void> {
    try {
      await mkdir(dirname(this.path), { recursive: true, mode: 0o700 });
      while (this.pending !== undefined) {
        const text = JSON.stringify(this.pending());
        this.pending = undefined;
        await this.replace(text);
      }
    } finally {
      this.writing = undefined; // in the same turn as the last look at `pending`: no call falls in between
    }
  }

  private async replace(text: string): Promise<void> {
    const file = await open(`${this.path}.tmp`, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(`${this.path}.tmp`, this.path);
  }
}
