import { mkdir, open, readFile, rename, rm, truncate } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { SerialQueue } from '../instance/serial-queue.ts';
import { spoolLine } from './record.ts';
import type { LogRecord, NewLine, Positions } from './record.ts';

const CURRENT = 'current.ndjson';
const OLDER = 'older.ndjson';
/** A reader begins at most this far before what it wants. */
const INDEX_BYTES = 16 * 1024;

/** One of the two files: how long it is, and where some of its numbers are. */
interface Generation {
  name: string;
  size: number;
  /** In order; the first is the first line of the file. */
  index: { seq: number; offset: number }[];
}

/** What a reader gets. */
export interface SpoolPage {
  records: LogRecord[];
  /** The first number that is still kept; above `lastSeq` when nothing is. */
  oldestSeq: number;
  lastSeq: number;
}

/**
 * The numbered lines of one instance on disk, outside the instance's own directory, in two files of bounded size: the
 * older one goes when the current one is full. It keeps no lines in memory. Survives the DEA; how far the instance's
 * own files were read is in each line, so that a successor neither loses nor doubles lines.
 */
export class LogSpool {
  lastSeq = 0;
  private readonly dir: string;
  private readonly maxBytes: number;
  private readonly queue = new SerialQueue();
  private current: Generation = { name: CURRENT, size: 0, index: [] };
  private older: Generation | undefined;
  private stored: Positions = [0, 0];
  private removed = false;

  /** `maxBytes`: of each of the two files. */
  constructor(dir: string, maxBytes: number) {
    this.dir = dir;
    this.maxBytes = maxBytes;
  }

  /** How far the instance's files were read when the last line was stored. */
  get positions(): Positions {
    return [...this.stored];
  }

  /** Makes the directory, or takes over what a DEA before us left there. */
  async open(): Promise<void> {
    await mkdir(this.dir, { recursive: true, mode: 0o700 });
    this.older = await this.load(OLDER);
    const current = await this.load(CURRENT);
    if (current !== undefined) this.current = current;
  }

  /** Numbers the lines and stores them. `at`: a position to note besides, after a file was cut. */
  append(lines: readonly NewLine[], timeMs: number, at?: Positions): Promise<void> {
    const time = timeMs / 1000;
    const texts = lines.map((line) => {
      this.lastSeq += 1;
      const { source, text, dropped } = line;
      const record = { seq: this.lastSeq, time, source, text, ...(dropped ? { dropped } : {}), at: line.at };
      return { seq: this.lastSeq, text: `${JSON.stringify(record)}\n` };
    });
    const last = at ?? lines.at(-1)?.at;
    if (last !== undefined) this.stored = last;
    if (at !== undefined) texts.push({ seq: 0, text: `${JSON.stringify({ at })}\n` });
    return this.queue.run(() => this.write(texts));
  }

  /** Lines after `after`, in order, at most so many and about so many bytes of them. */
  read(after: number, maxLines: number, maxBytes: number): Promise<SpoolPage> {
    return this.queue.run(async () => {
      const { lastSeq } = this;
      const generations = [this.older, this.current].filter((each) => each !== undefined);
      const oldestSeq = generations.find(({ index }) => index.length > 0)?.index[0]?.seq ?? lastSeq + 1;
      const records: LogRecord[] = [];
      let left = maxBytes;
      for (const generation of this.removed ? [] : generations) {
        if (left <= 0 || records.length >= maxLines || generation.size === 0) continue;
        const offset = generation.index.findLast(({ seq }) => seq <= after + 1)?.offset ?? 0;
        const text = await this.slice(
          generation.name,
          offset,
          Math.min(generation.size - offset, left + INDEX_BYTES),
        );
        for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
          const record = parse(line);
          if (record === undefined || !('seq' in record) || record.seq <= after) continue;
          if (left <= 0 || records.length >= maxLines) break;
          records.push(record);
          left -= line.length;
        }
        // The rest of this file comes before anything of the next one.
        if (
          generation === this.older &&
          (records.at(-1)?.seq ?? after) + 1 < (this.current.index[0]?.seq ?? 0)
        )
          break;
      }
      return { records, oldestSeq, lastSeq };
    });
  }

  /** Removes the files; nothing is stored any more. */
  remove(): Promise<void> {
    return this.queue.run(async () => {
      this.removed = true;
      await rm(this.dir, { recursive: true, force: true });
    });
  }

  /** In parts, so that no batch makes a file much larger than it may be. */
  private async write(texts: readonly { seq: number; text: string }[]): Promise<void> {
    for (let from = 0; from < texts.length && !this.removed;) {
      if (this.current.size >= this.maxBytes) await this.turn();
      const room = this.maxBytes - this.current.size;
      let to = from;
      for (let length = 0; to < texts.length && length < room; to += 1) length += texts[to]?.text.length ?? 0;
      await this.writePart(texts.slice(from, to));
      from = to;
    }
  }

  private async turn(): Promise<void> {
    await rename(join(this.dir, CURRENT), join(this.dir, OLDER));
    this.older = { ...this.current, name: OLDER };
    this.current = { name: CURRENT, size: 0, index: [] };
  }

  private async writePart(texts: readonly { seq: number; text: string }[]): Promise<void> {
    const chunks: Buffer[] = [];
    let { size } = this.current;
    for (const { seq, text } of texts) {
      const bytes = Buffer.from(text);
      note(this.current, seq, size);
      chunks.push(bytes);
      size += bytes.length;
    }
    const file = await open(join(this.dir, CURRENT), 'a', 0o600);
    try {
      await file.writeFile(Buffer.concat(chunks));
      this.current.size = size;
    } catch (error) {
      // A line that is cut off would make the next one unreadable.
      await file.truncate(this.current.size).catch(() => undefined);
      this.current.index = this.current.index.filter(({ offset }) => offset < this.current.size);
      throw error;
    } finally {
      await file.close();
    }
  }

  private async load(name: string): Promise<Generation | undefined> {
    const path = join(this.dir, name);
    const bytes = await readFile(path).catch(() => undefined);
    if (bytes === undefined) return undefined;
    const size = bytes.lastIndexOf(10) + 1;
    if (size < bytes.length) await truncate(path, size); // its writer was killed in the middle of a line
    const generation: Generation = { name, size, index: [] };
    for (let from = 0; from < size;) {
      const end = bytes.indexOf(10, from) + 1;
      const seq = /^\{"seq":(\d+),/.exec(bytes.toString('latin1', from, Math.min(end, from + 32)))?.[1];
      if (seq !== undefined) {
        this.lastSeq = Math.max(this.lastSeq, Number(seq));
        note(generation, Number(seq), from);
      }
      if (end === size) this.stored = parse(bytes.toString('utf8', from, end))?.at ?? this.stored;
      from = end;
    }
    return generation;
  }

  private async slice(name: string, offset: number, length: number): Promise<string> {
    let file: FileHandle | undefined;
    try {
      file = await open(join(this.dir, name));
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file?.close();
    }
  }
}

function note(generation: Generation, seq: number, offset: number): void {
  const before = generation.index.at(-1);
  if (seq > 0 && (before === undefined || offset - before.offset >= INDEX_BYTES))
    generation.index.push({ seq, offset });
}

function parse(line: string): ReturnType<typeof spoolLine.parse> | undefined {
  if (line === '') return undefined;
  try {
    return spoolLine.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
