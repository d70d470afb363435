import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { systemClock } from '@vcap/clock';
import { tempDir } from '@vcap/testkit';
import { LineSplitter } from '../src/task/line-splitter.ts';
import { runCommand } from '../src/task/run-command.ts';
import { eventually } from './support/eventually.ts';
import { isRunning } from './support/processes.ts';

let dir: Awaited<ReturnType<typeof tempDir>>;
let lines: string[];
beforeEach(async () => {
  dir = await tempDir('run');
  lines = [];
});
afterEach(() => dir.remove());

const run = (script: string, o: { signal?: AbortSignal; timeoutMs?: number } = {}) =>
  runCommand(['bash', '-c', script], {
    cwd: dir.path,
    env: { PATH: process.env['PATH'] ?? '', ONLY: 'this' },
    clock: systemClock,
    signal: o.signal ?? new AbortController().signal,
    onLine: (line) => lines.push(line),
    ...(o.timeoutMs === undefined ? {} : { timeoutMs: o.timeoutMs }),
  });
const pidIn = async (name: string): Promise<number> =>
  Number(await eventually(() => readFile(join(dir.path, name), 'utf8').catch(() => '')));

test('hands over lines of both outputs and the exit status, with nothing of our environment', async () => {
  await expect(run('echo one; echo two >&2; printf three; exit 4')).resolves.toEqual({
    code: 4,
    signal: null,
  });
  expect(lines.toSorted()).toEqual(['one', 'three', 'two']);
  lines = [];
  await run('env | cut -d= -f1');
  expect(lines).not.toContain('HOME');
  expect(lines).toContain('ONLY');
});

test('an abort kills children and grandchildren and throws its reason', async () => {
  const abort = new AbortController();
  const running = run('sleep 1000 & echo $! > tmp; mv tmp child; wait', { signal: abort.signal });
  const child = await pidIn('child');
  abort.abort(new Error('task stopped'));
  await expect(running).rejects.toThrow('task stopped');
  await eventually(async () => !(await isRunning(child)));
});

test('its own time limit kills the group', async () => {
  await expect(run('sleep 1000', { timeoutMs: 50 })).rejects.toThrow('ran longer than 50 ms');
});

test('what a program leaves in its group dies with it, and a daemon holding the pipes delays nothing', async () => {
  await writeFile(join(dir.path, 'ready'), '');
  const result = await run('sleep 1000 & echo $! > left; setsid sleep 1000 & echo $! > daemon; exit 0');
  expect(result.code).toBe(0);
  const left = await pidIn('left');
  await eventually(async () => !(await isRunning(left)));
  process.kill(await pidIn('daemon'), 'SIGKILL');
});

test('a program that does not exist is an error', async () => {
  const none = runCommand(['no-such-program'], {
    cwd: dir.path,
    env: {},
    clock: systemClock,
    signal: new AbortController().signal,
    onLine: () => undefined,
  });
  await expect(none).rejects.toThrow('ENOENT');
});

test('lines may be cut anywhere, end in any way, and are not longer than 8 KiB', () => {
  const splitter = new LineSplitter((line) => lines.push(line));
  const bytes = Buffer.from('grüße\r\n\nprogress\rdone\nlast');
  for (const byte of bytes) splitter.push(Buffer.from([byte]));
  splitter.end();
  expect(lines).toEqual(['grüße', '', 'progress', 'done', 'last']);
  lines = [];
  splitter.push(Buffer.alloc(20_000, 'x'));
  splitter.end();
  expect(lines.map(({ length }) => length)).toEqual([8192, 8192, 3616]);
});
