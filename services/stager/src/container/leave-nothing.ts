import type { Isolation } from '@vcap/warden';

/**
 * Runs a command, ends what it left running, and passes its status on. The container's own two processes stay: the first,
 * and the shell below it, which waits for an application and is known by its words (a stranger that borrows them holds up
 * its own staging alone). Nothing but built-in commands, as there may be no process left to be had.
 */
const SCRIPT = `
"$@"
status=$?
passes=0 found=1
while [ "$found" = 1 ] && [ "$passes" -lt 100 ]; do
  found=0 passes=$((passes + 1))
  for path in /proc/[0-9]*; do
    pid=\${path#/proc/} words=
    case $pid in 1 | $$) continue ;; esac
    { read -r words <"$path/cmdline"; } 2>/dev/null
    case $words in */bin/sh/run/start) continue ;; esac
    kill -9 "$pid" 2>/dev/null && found=1
  done
done
exit "$status"
`;

/**
 * The command as it is to be run so that no daemon of it goes on. The runtime would wait for whatever holds its output;
 * plain processes are ended by their group instead.
 */
export const leavingNothing = (
  argv: readonly [string, ...string[]],
  isolation: Isolation,
): readonly [string, ...string[]] =>
  isolation === 'runc' ? ['/bin/sh', '-c', SCRIPT, 'staging', ...argv] : argv;
