import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Trace } from '@vcap/bus';
import { stringify } from 'yaml';
import type { TransferOptions } from '../adapters/attempts.ts';
import { downloadApp } from '../adapters/download.ts';
import { uploadDroplet } from '../adapters/upload.ts';
import { packDroplet } from '../archive/pack.ts';
import { unzip } from '../archive/unzip.ts';
import { TaskCache } from '../cache/task-cache.ts';
import { outOfDisk } from '../container/limit-error.ts';
import type { ContainerLimits } from '../container/limit-error.ts';
import { egressTo } from '../container/own-egress.ts';
import { TaskContainer } from '../container/task-container.ts';
import type { StagedDroplet } from '../domain/replies.ts';
import type { TaskRequest } from '../domain/task-request.ts';
import type { TaskLog } from '../log/task-log.ts';
import { compile } from './compile.ts';
import { compileEnvironment, passedOn } from './compile-environment.ts';
import type { Room } from './rooms.ts';
import { limitsOf, prepareRoom, roomSpec } from './task-host.ts';
import type { StagingHost } from './task-host.ts';
import { handOver, newZipPath } from './workspace.ts';
import type { Workspace } from './workspace.ts';

const MB = 1024 * 1024;
const MOST_ENTRIES = 200_000;

/** What one task works with while it runs. */
export interface RunningTask {
  readonly log: TaskLog;
  readonly signal: AbortSignal;
  /** Of the message that asked for it. */
  readonly trace: Trace;
}

/** A droplet that is with the cloud controller. */
export interface StagingResult {
  readonly droplet: StagedDroplet;
  /** Ends when all that the task had is gone; never rejects. */
  readonly cleanedUp: Promise<void>;
}

/** A task with all that its steps need. */
interface Work extends RunningTask {
  readonly request: TaskRequest;
  readonly host: StagingHost;
  readonly limits: ContainerLimits;
  /** The operator's own variables that commands see. */
  readonly passed: Readonly<Record<string, string>>;
  readonly http: TransferOptions;
  readonly say: (line: string) => void;
}

/**
 * The steps of one task: download, unpack, compile, pack, upload. When it rejects, container and workspace are gone.
 * @throws StagingError in words for the user; the signal's reason when aborted
 */
export const stage = async (
  request: TaskRequest,
  task: RunningTask,
  host: StagingHost,
): Promise<StagingResult> => {
  const say = (line: string): void => task.log.say(line);
  const passed = passedOn(process.env, host.config.compile_env);
  const work: Work = {
    ...task,
    request,
    host,
    say,
    passed,
    limits: limitsOf(request.diskMb, host),
    http: { clock: host.clock, signal: task.signal, trace: task.trace, onLine: say },
  };
  say('Downloading the application');
  const room = await moveIn(work);
  try {
    return await stageIn(room, work);
  } catch (error) {
    await moveOut(room, host);
    throw error;
  }
};

/** Side by side; both are waited for, so that nothing is still being made when it is cleaned up. */
const moveIn = async ({ host, http, limits, passed, request }: Work): Promise<Room> => {
  const zip = newZipPath(host.config.base_dir);
  try {
    const [taken, loaded] = await Promise.allSettled([
      egressTo(passed).then((egress) => host.rooms.take(roomSpec(limits, host, egress))),
      downloadApp(request.downloadUri, zip, http),
    ]);
    if (taken.status === 'rejected') throw taken.reason;
    try {
      if (loaded.status === 'rejected') throw loaded.reason;
      await rename(zip, taken.value.workspace.zip);
      return taken.value;
    } catch (error) {
      await moveOut(taken.value, host);
      throw error;
    }
  } finally {
    await rm(zip, { force: true });
  }
};

const stageIn = async (room: Room, work: Work): Promise<StagingResult> => {
  const { container, workspace } = room;
  const { host, http, limits, log, passed, request, say, signal } = work;
  await unpackApp(workspace, work);
  const path = (name: string): string => container.appPath(name);
  const env = compileEnvironment({ path }, request.environment, passed, host.tools().path);
  const inside = new TaskContainer({ container, limits, env, signal, onLine: (line) => log.append(line) });
  const cache = new TaskCache({ host, appId: request.appId, workspace, container: inside, say });
  const { description, names, startCommand } = await compile(request, workspace, inside, cache, say);
  say(`Start command: ${startCommand}`);
  say('Packing the droplet');
  // The droplet's own account of its staging (dea-staging-warden 2.1). What installers left in `tmp` is no part of it.
  const info = stringify({ detected_buildpack: description, start_command: startCommand });
  const own = [
    { name: 'logs' },
    { name: 'logs/staging_task.log', text: log.from(0) },
    { name: 'staging_info.yml', text: info },
    { name: 'tmp' },
  ];
  const sha1 = await packDroplet(inside, workspace, { names, own, timeMs: host.clock.now() });
  say('Uploading the droplet');
  await uploadDroplet(request.uploadUri, workspace.droplet, sha1, http);
  say(`Staged: droplet ${sha1}`);
  return { droplet: { sha1, startCommand, description }, cleanedUp: moveOut(room, host, cache) };
};

/** Never rejects. */
const moveOut = async (room: Room, host: StagingHost, cache?: TaskCache): Promise<void> => {
  await cache?.keep();
  await host.rooms.remove(room);
  await prepareRoom(host);
};

/** By the stager itself, while nothing runs in the container yet; its links are proven to stay inside. */
const unpackApp = async (workspace: Workspace, { limits, say, signal }: Work): Promise<void> => {
  const { diskMb } = limits;
  const bounds = { maxBytes: diskMb * MB, maxEntries: MOST_ENTRIES, full: () => outOfDisk(diskMb) };
  const { bytes, files } = await unzip(workspace.zip, join(workspace.top, 'app'), bounds, signal);
  await rm(workspace.zip);
  await handOver(workspace);
  say(`Unpacked ${files} files, ${bytes} bytes`);
};
