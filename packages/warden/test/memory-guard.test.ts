import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '@vcap/clock';
import { guardMemory } from '../src/index.ts';

const MB = 1024 * 1024;
const EAT = 'global.b=Buffer.alloc(1.5e8,1);console.log("full");setInterval(()=>{},1e3)';
let child: ChildProcess | undefined;

afterEach(() => {
  if (child?.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
});

/** A shell that leads a group; the memory is in its child. */
async function startEater(): Promise<number> {
  const started = spawn('bash', ['-c', `${process.execPath} -e '${EAT}' & wait`], { detached: true });
  child = started;
  await once(started.stdout, 'data');
  return started.pid ?? 0;
}

describe('the guard of memory', () => {
  test('tells once of a group above its ceiling, with the processes in it', async () => {
    const leaderPid = await startEater();
    const pids = await new Promise<readonly number[]>((resolve) => {
      guardMemory({
        clock: systemClock,
        leaderPid,
        limitBytes: 120 * MB,
        sampleMs: 20,
        onExceeded: resolve,
      });
    });
    expect(pids).toContain(leaderPid);
    expect(pids.length).toBeGreaterThanOrEqual(2);
  });

  test('counts the group alone: another above the ceiling does not concern it', async () => {
    await startEater();
    const small = spawn('bash', ['-c', 'read line'], { detached: true });
    let told = 0;
    const guard = guardMemory({
      clock: systemClock,
      leaderPid: small.pid ?? 0,
      limitBytes: 100 * MB,
      sampleMs: 5,
      onExceeded: () => (told += 1),
    });
    const other = await new Promise<readonly number[]>((resolve) => {
      guardMemory({
        clock: systemClock,
        leaderPid: child?.pid ?? 0,
        limitBytes: 100 * MB,
        sampleMs: 20,
        onExceeded: resolve,
      });
    });
    expect(other).not.toContain(small.pid);
    expect(told).toBe(0);
    guard.cancel();
    small.stdin.end('\n');
    await once(small, 'exit');
  });
});
