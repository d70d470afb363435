import { ApiError } from '../errors.ts';
import { linkStaysInside, pathFault } from './entry-path.ts';

/** Where the content of one path of an application comes from. Modes are permission bits. */
export type Source = FileSource | PooledSource | { kind: 'link'; target: string } | { kind: 'directory' };
/** Uploaded now; sha1 and size are known once it is unpacked. */
export interface FileSource {
  kind: 'file';
  tempPath: string;
  sha1: string;
  size: number;
  mode: number;
}
/** Uploaded before by the same organization. */
export interface PooledSource {
  kind: 'pooled';
  sha1: string;
  size: number;
  mode: number;
}

/** The paths of an application, checked as they come: none leaves it, none is two things at once. */
export class FileTree {
  readonly #sources = new Map<string, Source>();
  readonly #mostEntries: number;

  /** `mostEntries` counts folders too, also those that are only the parents of something. */
  constructor(mostEntries: number) {
    this.#mostEntries = mostEntries;
  }

  /** Throws 402 for a path that may not be there. A file uploaded wins over the same path from the pool. */
  add(path: string, source: Source): void {
    const fault = pathFault(path);
    if (fault !== undefined) throw new ApiError(402, `the path ${quote(path)} ${fault}`);
    const known = this.#sources.get(path);
    if (known) return this.#meet(path, known, source);
    const parents: string[] = [];
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const parent = path.slice(0, end);
      const above = this.#sources.get(parent);
      // A link among the parents would let an entry be written elsewhere.
      if (above && above.kind !== 'directory') throw clash(parent);
      if (above) break;
      parents.push(parent);
    }
    for (const parent of parents) this.#set(parent, { kind: 'directory' });
    this.#set(path, source);
  }

  /** Throws 402 if a link leads out of the application; to be called when all entries are there. */
  checkLinks(): void {
    const linkAt = (path: string): string | undefined => {
      const found = this.#sources.get(path);
      return found?.kind === 'link' ? found.target : undefined;
    };
    for (const [path, source] of this.#sources) {
      if (source.kind !== 'link') continue;
      const { target } = source;
      if (target === '' || target.includes('\0') || !linkStaysInside(path, target, linkAt)) {
        throw new ApiError(402, `the link ${quote(path)} leaves the application or leads nowhere`);
      }
    }
  }

  /** All entries, folders before what they hold: the same for the same application, whatever order it came in. */
  entries(): [string, Source][] {
    return [...this.#sources].toSorted(([a], [b]) => (a < b ? -1 : 1));
  }

  #meet(path: string, known: Source, source: Source): void {
    if ((known.kind === 'directory') !== (source.kind === 'directory')) throw clash(path);
    if (known.kind === 'directory' || (known.kind === 'file' && source.kind === 'pooled')) return;
    throw new ApiError(402, `${quote(path)} is there twice`);
  }

  #set(path: string, source: Source): void {
    if (this.#sources.size >= this.#mostEntries) {
      throw new ApiError(402, `more than ${this.#mostEntries} files and folders`);
    }
    this.#sources.set(path, source);
  }
}

function clash(path: string): ApiError {
  return new ApiError(402, `${quote(path)} is both a folder and something else`);
}

/** A name as it may stand in an error text. */
export function quote(path: string): string {
  return JSON.stringify(path.slice(0, 200));
}
