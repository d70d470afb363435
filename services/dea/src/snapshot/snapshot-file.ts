import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { deaInstanceStart } from '@vcap/bus';
import { containerSnapshotSchema } from '@vcap/warden';

const entrySchema = z.object({
  id: z.string().regex(/^[\w-]+$/),
  handle: z.string().regex(/^[\w-]+$/),
  message: deaInstanceStart.schema,
  port: z.int(),
  debug_port: z.int().default(0),
  console_port: z.int().default(0),
  private_instance_id: z.string(),
  state: z.enum(['BORN', 'STARTING', 'RUNNING', 'STOPPING', 'CRASHED', 'EVACUATING']),
  state_since_ms: z.number(),
  started_at_ms: z.number(),
  exit_description: z.string().optional(),
  container: containerSnapshotSchema.exactOptional(),
});
const port = z.int().min(1).max(65_535);
const fileSchema = z.object({
  dea_id: z.string().regex(/^[\w-]+$/),
  instances: z.array(z.unknown()),
  /** Where the file server was, and which port of applications was next. */
  file_server_port: port.exactOptional(),
  next_port: port.exactOptional(),
});

/** One instance as it is written down; it holds credentials of services. */
export type SnapshotEntry = z.infer<typeof entrySchema>;
export interface Snapshot {
  dea_id: string;
  instances: SnapshotEntry[];
  file_server_port?: number;
  next_port?: number;
}
/** A snapshot as it was found: `damage` says what of it could not be read. */
export interface LoadedSnapshot extends Snapshot {
  damage: string[];
}

/**
 * db/instances.json: what a DEA that was killed needs to find its instances again. Mode 0600. The one before is kept as
 * instances.json.old and used where the newer one is unreadable: what it names is looked for, not believed.
 */
export class SnapshotFile {
  private readonly path: string;
  private writing: Promise<void> | undefined;
  private readonly older: string;
  private pending: (() => Snapshot) | undefined;

  constructor(path: string) {
    this.path = path;
    this.older = `${path}.old`;
  }

  /** Undefined when there is none; rejects when neither it nor the one before can be understood. */
  async load(): Promise<LoadedSnapshot | undefined> {
    try {
      const newest = await read(this.path);
      if (newest !== undefined) return newest;
      return await read(this.older);
    } catch (error) {
      const older = await read(this.older);
      if (older === undefined) throw error;
      older.damage.unshift(`the newest is unreadable, an older one is used: ${(error as Error).message}`);
      return older;
    }
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
    await this.keepOlder();
    await rename(`${this.path}.tmp`, this.path);
  }

  /** A second name for the file that is about to be replaced: at no moment is there none at `path`. */
  private async keepOlder(): Promise<void> {
    const name = `${this.older}.tmp`;
    await rm(name, { force: true });
    try {
      await link(this.path, name);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return; // the first one has none before it
      throw error;
    }
    await rename(name, this.older);
  }
}

/** Undefined when there is no such file. One bad entry does not spoil the others. */
async function read(path: string): Promise<LoadedSnapshot | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const { instances, ...rest } = fileSchema.parse(JSON.parse(text));
  const loaded: LoadedSnapshot = { ...rest, instances: [], damage: [] };
  for (const each of instances) {
    const entry = entrySchema.safeParse(each);
    if (entry.success) loaded.instances.push(entry.data);
    else loaded.damage.push(`an entry is unreadable: ${entry.error.issues[0]?.path.join('.')}`);
  }
  return loaded;
}
