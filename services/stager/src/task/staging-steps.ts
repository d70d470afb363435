import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Trace } from '@vcap/bus';
import type { Clock } from '@vcap/clock';
import { stringify } from 'yaml';
import { downloadApp } from '../adapters/download.ts';
import { uploadDroplet } from '../adapters/upload.ts';
import { packDroplet } from '../archive/pack.ts';
import { unzip } from '../archive/unzip.ts';
import type { StagedDroplet } from '../domain/replies.ts';
import type { TaskRequest } from '../domain/task-request.ts';
import type { TaskLog } from '../log/task-log.ts';
import { choosePlugin } from '../plugins/index.ts';
import type { CompileContext } from '../plugins/plugin.ts';
import { procfileCommand } from '../plugins/procfile.ts';
import { compileEnvironment, compilePath, findProgram } from './compile-environment.ts';
import { runCommand } from './run-command.ts';
import type { TaskUser } from './task-user.ts';
import { createWorkspace, giveTo, makeOwnedDir, removeTree } from './workspace.ts';
import type { Workspace } from './workspace.ts';

const MB = 1024 * 1024;
const MOST_ENTRIES = 200_000;

/** What all tasks of one stager share. */
export interface StagingHost {
  readonly clock: Clock;
  readonly baseDir: string;
  readonly cacheDir: string;
  readonly diskLimitMb: number;
  /** Ceiling for each command with its children. */
  readonly memoryLimitMb: number;
  /** Names of the stager's variables that compile commands see. */
  readonly compileEnv: readonly string[];
  /** Undefined: compile commands run as the stager's own user. */
  readonly user: TaskUser | undefined;
}

/** What one task works with while it runs. */
export interface RunningTask {
  readonly log: TaskLog;
  readonly signal: AbortSignal;
  /** Of the message that asked for it. */
  readonly trace: Trace;
}

/**
 * The steps of one task: download, unpack, compile, pack, upload. The workspace is gone when it ends,
 * however it ends.
 * @throws StagingError in words for the user; the signal's reason when aborted
 */
export const stage = async (
  request: TaskRequest,
  { log, signal, trace }: RunningTask,
  host: StagingHost,
): Promise<StagedDroplet> => {
  const workspace = await createWorkspace(host.baseDir);
  try {
    const say = (line: string): void => log.append(line);
    const http = { clock: host.clock, signal, onLine: say, trace };
    say('Downloading the application');
    await downloadApp(request.downloadUri, workspace.zip, http);
    await unpackApp(request, workspace, host, signal, say);
    const { startCommand, description } = await compile(request, workspace, host, signal, say);
    say(`Start command: ${startCommand}`);
    say('Packing the droplet');
    await writeStagedFiles(workspace, description, startCommand, log);
    const sha1 = await packDroplet(
      workspace.staged,
      workspace.droplet,
      runOptions(request, workspace, host, signal, say),
    );
    say('Uploading the droplet');
    await uploadDroplet(request.uploadUri, workspace.droplet, sha1, http);
    say(`Staged: droplet ${sha1}`);
    return { sha1, startCommand, description };
  } finally {
    await removeTree(workspace.root);
  }
};

const unpackApp = async (
  request: TaskRequest,
  workspace: Workspace,
  host: StagingHost,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<void> => {
  const limits = { maxBytes: Math.max(request.diskMb ?? 0, host.diskLimitMb) * MB, maxEntries: MOST_ENTRIES };
  const { files, bytes } = await unzip(workspace.zip, workspace.app, limits, signal);
  await rm(workspace.zip);
  say(`Unpacked ${files} files, ${bytes} bytes`);
  for (const path of [workspace.app, workspace.home]) await giveTo(host.user, path);
  for (const name of ['logs', 'tmp']) await giveTo(host.user, join(workspace.staged, name));
};

const compile = async (
  request: TaskRequest,
  workspace: Workspace,
  host: StagingHost,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<{ startCommand: string; description: string }> => {
  const command = request.command ?? (await procfileCommand(workspace.app));
  const plugin = await choosePlugin(workspace.app, request.framework, command);
  say(`Framework: ${plugin.name}`);
  const run = runOptions(request, workspace, host, signal, say);
  const context: CompileContext = {
    app: workspace.app,
    staged: workspace.staged,
    cacheDir: host.cacheDir,
    command,
    say,
    run: (argv, env = {}) => runCommand(argv, { ...run, cwd: workspace.app, env: { ...run.env, ...env } }),
    which: (program) => findProgram(compilePath(process.env), program),
    makeDir: (name) => makeOwnedDir(host.user, join(workspace.staged, name)),
  };
  return plugin.compile(context);
};

const runOptions = (
  request: TaskRequest,
  workspace: Workspace,
  host: StagingHost,
  signal: AbortSignal,
  onLine: (line: string) => void,
) => ({
  env: compileEnvironment(workspace, request.environment, process.env, host.compileEnv),
  clock: host.clock,
  signal,
  onLine,
  memoryLimitMb: host.memoryLimitMb,
  ...(host.user ? { user: host.user } : {}),
});

/** The droplet's own account of its staging (dea-staging-warden 2.1). */
const writeStagedFiles = async (
  workspace: Workspace,
  description: string,
  startCommand: string,
  log: TaskLog,
): Promise<void> => {
  // What installers left in the temporary directory is no part of the droplet; both directories are
  // made anew, so that nothing an app's script put there is followed.
  for (const name of ['tmp', 'logs']) {
    await removeTree(join(workspace.staged, name));
    await makeOwnedDir(undefined, join(workspace.staged, name));
  }
  await writeFile(
    join(workspace.staged, 'staging_info.yml'),
    stringify({ detected_buildpack: description, start_command: startCommand }),
  );
  await writeFile(join(workspace.staged, 'logs', 'staging_task.log'), log.from(0));
};
