import { ApiError } from '../errors.ts';
import { linkStaysInside, pathFault } from './entry-path.ts';

/** Where the content of one path of an application comes from. */
export type Source =
  | { kind: 'file'; tempPath: string; sha1: string; size: number; mode: number }
  | { kind: 'pooled'; sha1: string; size: number; mode: number }
  | { kind: 'link'; target: string }
  | { kind: 'directory' };

/** The paths of an application, checked as they come: none leaves it, none is two things at once. */
export class FileTree {
  readonly #sources = new Map<string, Source>();
  readonly #parents = new Set<string>();

  /** Throws 402 for a path that may not be there. A file uploaded wins over the same path from the pool. */
  add(path: string, source: Source): void {
    const fault = pathFault(path);
    if (fault !== undefined)
      throw new ApiError(402, `the path ${JSON.stringify(path.slice(0, 200))} ${fault}`);
    if (source.kind === 'link' && !linkStaysInside(path, source.target)) {
      throw new ApiError(402, `the link ${JSON.stringify(path)} leaves the application`);
    }
    const known = this.#sources.get(path);
    if (known && source.kind === 'directory') return;
    if (known && source.kind === 'pooled') return;
    if (known && known.kind !== 'directory')
      throw new ApiError(402, `${JSON.stringify(path)} is there twice`);
    if (source.kind !== 'directory' && this.#parents.has(path)) throw clash(path);
    const words = path.split('/');
    for (let length = 1; length < words.length; length++) {
      const parent = words.slice(0, length).join('/');
      const above = this.#sources.get(parent);
      // A link among the parents would let an entry be written elsewhere.
      if (above && above.kind !== 'directory') throw clash(parent);
      this.#parents.add(parent);
    }
    this.#sources.set(path, source);
  }

  get size(): number {
    return this.#sources.size;
  }

  /** In the order of their names, so that the same application always gives the same archive. */
  entries(): [string, Source][] {
    return [...this.#sources].toSorted(([a], [b]) => (a < b ? -1 : 1));
  }
}

function clash(path: string): ApiError {
  return new ApiError(402, `${JSON.stringify(path)} is both a folder and something else`);
}
