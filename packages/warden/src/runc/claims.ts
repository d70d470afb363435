import { mkdir, readdir, readlink, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Owner } from './owner.ts';
import { RUN_DIR } from './owner.ts';

/** Kinds of numbers that all wardens of a host share. */
export type ClaimKind = 'slots' | 'ports';

/** A number that a container holds. */
export interface Claim {
  kind: ClaimKind;
  number: number;
  handle: string;
}

/**
 * Numbers handed out once per host: a slot stands for an address and for user ids, a port for the host's. A claim is a
 * symbolic link whose text names the holder: made in one step, or not at all.
 */
export class Claims {
  private readonly owner: Owner;
  private readonly slots: number;
  private next: number;

  /** `first` is where the search for a slot starts. */
  constructor(owner: Owner, slots: number, first: number) {
    this.owner = owner;
    this.slots = slots;
    this.next = first % slots;
  }

  /** Takes a free slot; the one used longest ago comes first, so that late packets find nobody. */
  async takeSlot(handle: string): Promise<number> {
    for (let tries = 0; tries < this.slots; tries += 1) {
      const slot = this.next;
      this.next = (this.next + 1) % this.slots;
      if (await this.claim('slots', slot, handle)) return slot;
    }
    throw new Error('no address is left for another container');
  }

  /** Keeps a slot that a record names; false when another has it by now, as claims do not outlive a reboot. */
  keepSlot(slot: number, handle: string): Promise<boolean> {
    return this.claim('slots', slot, handle);
  }

  async takePort(port: number, handle: string): Promise<void> {
    if (!(await this.claim('ports', port, handle)))
      throw new Error(`port ${port} belongs to another container of this host`);
  }

  async release(kind: ClaimKind, number: number, handle: string): Promise<void> {
    const path = join(RUN_DIR, kind, String(number));
    if ((await readlink(path).catch(() => '')) === this.text(handle))
      await unlink(path).catch(() => undefined);
  }

  /** All that containers of this owner hold. */
  async all(): Promise<Claim[]> {
    const found: Claim[] = [];
    for (const kind of ['slots', 'ports'] as const) {
      const dir = join(RUN_DIR, kind);
      for (const name of await readdir(dir).catch(() => [])) {
        const [id, handle] = (await readlink(join(dir, name)).catch(() => '')).split('/');
        if (id === this.owner.id && handle !== undefined) found.push({ kind, number: Number(name), handle });
      }
    }
    return found;
  }

  private text(handle: string): string {
    return `${this.owner.id}/${handle}`;
  }

  private async claim(kind: ClaimKind, number: number, handle: string): Promise<boolean> {
    const dir = join(RUN_DIR, kind);
    try {
      await symlink(this.text(handle), join(dir, String(number)));
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') return (await readlink(join(dir, String(number)))) === this.text(handle);
      if (code !== 'ENOENT') throw error;
      await mkdir(dir, { recursive: true, mode: 0o755 });
      return this.claim(kind, number, handle);
    }
  }
}
