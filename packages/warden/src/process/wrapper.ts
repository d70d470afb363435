import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { HANDLE_VARIABLE } from '../proc/process-table.ts';
import type { SpawnOptions } from '../types.ts';

/**
 * The parent of an application. It leads a session of its own, so it survives the death of the DEA, and it leaves the
 * exit status in a file for whoever comes after. `trap :` keeps it alive through the TERM that its group gets; a
 * handler, unlike ignoring, is not inherited by the application.
 */
const SCRIPT = `
status_file=$1; fds=$2; shift 2
umask 077
ulimit -c 0 2>/dev/null || :
ulimit -n "$fds" 2>/dev/null || :
trap : TERM INT HUP QUIT USR1 USR2
"$@"
printf '%s\\n' "$?" >"$status_file"
`;

/** The log directory is the application's: a link or a FIFO it left there is not followed or waited for. */
const LOG_FLAGS =
  constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** What the wrapper needs beside the application's own wishes. */
export interface WrapperOptions extends SpawnOptions {
  handle: string;
  /** Absolute host directory. */
  workingDir: string;
  statusFile: string;
  fds: number;
}

/** Starts the wrapper with the application in it; rejects when the system refuses. */
export async function spawnWrapper(options: WrapperOptions): Promise<ChildProcess> {
  const stdout = openSync(options.stdoutPath, LOG_FLAGS, 0o600);
  let stderr: number | undefined;
  try {
    stderr = openSync(options.stderrPath, LOG_FLAGS, 0o600);
    const args = ['-c', SCRIPT, 'vcap-instance', options.statusFile, String(options.fds), ...options.argv];
    const child = spawn('/bin/sh', args, {
      cwd: options.workingDir,
      env: { ...options.env, [HANDLE_VARIABLE]: options.handle },
      detached: true,
      stdio: ['ignore', stdout, stderr],
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    child.unref();
    return child;
  } finally {
    closeSync(stdout);
    if (stderr !== undefined) closeSync(stderr);
  }
}

/** The status the wrapper left; undefined when it did not come to that. */
export async function readExitStatus(statusFile: string): Promise<number | undefined> {
  try {
    const text = await readFile(statusFile, 'utf8');
    return /^\d+\n$/.test(text) ? Number(text) : undefined;
  } catch {
    return undefined;
  }
}
