import { isDeepStrictEqual } from 'node:util';
import type { Container, ContainerSpec, Warden } from '@vcap/warden';
import type { Logger } from '@vcap/bus';
import { createWorkspace, killProcessesIn, makeScratch, removeTree } from './workspace.ts';
import type { Workspace } from './workspace.ts';

/** What a room is made with; the rest follows from its workspace. */
export type RoomSpec = Omit<ContainerSpec, 'handle' | 'rootDir'>;

/** A workspace and its container, in which nothing has run yet. */
export interface Room {
  readonly workspace: Workspace;
  readonly container: Container;
}

/** Settings of {@link Rooms}. */
export interface RoomsOptions {
  readonly baseDir: string;
  readonly log: Logger;
  readonly warden: () => Warden;
  /** Makes the next room while nobody waits for it. */
  readonly spare: boolean;
}

interface Spare {
  readonly spec: RoomSpec;
  readonly room: Promise<Room>;
  ended: boolean;
}

/** Makes a room for each task, one of them ahead, so that a push does not wait for its container. */
export class Rooms {
  readonly #o: RoomsOptions;
  #spare: Spare | undefined;
  #closed = false;

  constructor(options: RoomsOptions) {
    this.#o = options;
  }

  /** A new room. @throws Error when no container can be had */
  async take(spec: RoomSpec): Promise<Room> {
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare === undefined) return this.#make(spec);
    const room = await spare.room.catch(() => undefined);
    if (room !== undefined && !spare.ended && isDeepStrictEqual(spare.spec, spec)) return room;
    const [made] = await Promise.all([this.#make(spec), room && this.remove(room)]);
    return made;
  }

  /** Makes the next room, if there is none. Returns at once. */
  prepare(spec: RoomSpec): void {
    if (!this.#o.spare || this.#closed || this.#spare !== undefined) return;
    const spare: Spare = { spec, room: this.#make(spec), ended: false };
    this.#spare = spare;
    spare.room.then(
      ({ container }) => container.onExit(() => (spare.ended = true)),
      (error: Error) => {
        this.#o.log.warn({ event: 'container-not-made', reason: error.message });
        if (this.#spare === spare) this.#spare = undefined;
      },
    );
  }

  /** Ends all that runs in a room and removes it. What will not go is told and left to the next stager's sweep. */
  async remove({ container, workspace }: Room): Promise<void> {
    try {
      await container.destroy();
      // A daemon of plain processes has left the container, but seldom the directory.
      if (container.info().isolation === 'process') await killProcessesIn(workspace.root);
      await removeTree(workspace.root);
    } catch (error) {
      const reason = (error as Error).message;
      this.#o.log.error({ event: 'container-not-removed', handle: container.handle, reason });
    }
  }

  /** Removes the room that is ahead and makes none any more. */
  async close(): Promise<void> {
    this.#closed = true;
    const room = await this.#spare?.room.catch(() => undefined);
    this.#spare = undefined;
    if (room !== undefined) await this.remove(room);
  }

  async #make(spec: RoomSpec): Promise<Room> {
    const workspace = await createWorkspace(this.#o.baseDir);
    try {
      const place = { handle: workspace.name, rootDir: workspace.top };
      const container = await this.#o.warden().create({ ...spec, ...place });
      await makeScratch(workspace);
      return { workspace, container };
    } catch (error) {
      await removeTree(workspace.root);
      throw new Error(`no container could be made: ${(error as Error).message}`, { cause: error });
    }
  }
}
