import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';

/**
 * Kills what a test left behind, also when the test process is itself killed: a shell that is told of every process
 * group and kills those still listed when its input ends. An `exit` listener alone would not do: Jest gives tests a
 * copy of `process`, and SIGKILL calls no listener.
 */
const SCRIPT = `
live=' '
while read -r op pid; do
  case $op in
    add) live="$live$pid " ;;
    del) live="\${live%% $pid *} \${live#* $pid }" ;;
  esac
done
for pid in $live; do kill -9 "-$pid" 2>/dev/null; done
`;

const groups = new Set<number>();
let shell: ChildProcess | undefined;

/** Puts a process group under watch. */
export function watchGroup(pid: number): void {
  groups.add(pid);
  shell ??= startShell();
  shell.stdin?.write(`add ${pid}\n`);
}

/** Takes a group, which has ended, from the list; the shell ends with the last one. */
export function unwatchGroup(pid: number): void {
  if (!groups.delete(pid)) return;
  shell?.stdin?.write(`del ${pid}\n`);
  if (groups.size > 0) return;
  shell?.stdin?.end();
  shell = undefined;
}

function startShell(): ChildProcess {
  const child = spawn('/bin/sh', ['-c', SCRIPT], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  child.on('error', () => undefined);
  child.stdin.on('error', () => undefined);
  child.unref();
  (child.stdin as unknown as Socket).unref();
  return child;
}

process.on('exit', () => {
  for (const pid of groups) {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // ended already
    }
  }
});
