import { constants } from 'node:fs';
import { chown, open, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { ContainerFiles } from './owner.ts';

/** File descriptors that the init program and the shell below it are born with. */
const STATUS_FD = 3;
const LIFE_FD = 4;

/**
 * Reads the launch file: NUL after each of stdout, stderr, working directory, `name=value`..., program, arguments... Bash
 * holds them as an array, so nothing of them becomes shell text.
 */
const launchScript = (control: string): string => `
mapfile -d "" -t launch <${control}/launch || exit 126
exec >>"\${launch[0]}" 2>>"\${launch[1]}" </dev/null || exit 126
cd -- "\${launch[2]}" || exit 126
exec env -i -- "\${launch[@]:3}"
`;

/**
 * What runs under the init program (which reaps, and forwards signals to this shell's process group): waits for the
 * word to go, runs the application, leaves its status. `trap :` keeps the shell alive through the TERM that its group
 * gets; a handler, unlike ignoring, is not inherited by the application.
 */
export const startScript = (control: string): string => `
trap : TERM INT HUP QUIT USR1 USR2
read -r word <${control}/go || exit 126
/bin/bash --norc --noprofile -c '${launchScript(control)}' ${STATUS_FD}>&- ${LIFE_FD}>&-
printf '%s\\n' "$?" >&${STATUS_FD}
`;

/** What the application is started with, all paths as it sees them itself. */
export interface Launch {
  argv: readonly [string, ...string[]];
  cwd: string;
  env: Record<string, string>;
  stdoutPath: string;
  stderrPath: string;
}

/** Throws on what `env` would not take for what it is. */
export function checkLaunch({ argv, env, stderrPath, stdoutPath, cwd }: Launch): void {
  const texts = [stdoutPath, stderrPath, cwd, ...argv, ...Object.entries(env).flat()];
  if (texts.some((text) => text.includes('\0'))) throw new Error('a NUL cannot be passed to an application');
  if (argv[0] === '' || argv[0].includes('=')) throw new Error(`not the name of a program: ${argv[0]}`);
  const bad = Object.keys(env).find((name) => name === '' || name.includes('='));
  if (bad !== undefined) throw new Error(`not the name of a variable: ${bad}`);
}

/** Writes the launch file (checked before) and gives the word; the handle must stay open until the container has heard it. */
export async function launchApplication(
  files: ContainerFiles,
  uid: number,
  launch: Launch,
): Promise<FileHandle> {
  const env = Object.entries(launch.env).map(([name, value]) => `${name}=${value}`);
  const parts = [launch.stdoutPath, launch.stderrPath, launch.cwd, ...env, ...launch.argv];
  await writeFile(files.launch, parts.map((part) => `${part}\0`).join(''), { mode: 0o400 });
  await chown(files.launch, uid, uid);
  // Open for both, a FIFO makes nobody wait and keeps what was written until it is read.
  const go = await open(files.go, constants.O_RDWR | constants.O_NONBLOCK);
  await go.write('go\n');
  return go;
}

/** The status that the container left; undefined when it did not come to that. The text is a stranger's. */
export async function readStatus(files: ContainerFiles): Promise<number | undefined> {
  const file = await open(files.status, constants.O_RDONLY | constants.O_NOFOLLOW).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    const digits = /^(\d{1,3})\n/.exec(buffer.toString('latin1', 0, bytesRead))?.[1];
    return digits === undefined || Number(digits) > 255 ? undefined : Number(digits);
  } finally {
    await file.close();
  }
}
