import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { deaStop } from '@vcap/bus';
import { request } from 'undici';
import { World } from './world.ts';
import type { LogLine } from './world.ts';

let world: World;

beforeEach(async () => {
  world = await World.create();
});
afterEach(() => world.close());

/** Follows an instance's log to its end, or until `enough`, as the cloud controller does. */
async function follow(
  index: number,
  enough: (lines: LogLine[]) => boolean = () => false,
): Promise<LogLine[]> {
  const [found] = await world.find({ indices: [index] });
  const lines: LogLine[] = [];
  for (let after = 0; ;) {
    const page = await world.log(found, { after, wait: 5, max: 10_000 });
    lines.push(...page.lines);
    after = page.next;
    if (page.ended || enough(lines)) return lines;
  }
}
const running = (count = 1): Promise<unknown> =>
  world.seen(() => world.beats.at(-1)?.droplets.filter(({ state }) => state === 'RUNNING').length === count);

describe('the log stream of a DEA', () => {
  test('tells each line with time, source, instance and number, and follows to the last one', async () => {
    await world.startDea();
    world.start(`trap 'echo bye; exit' TERM; echo out; echo err >&2; while :; do sleep 0.05; done`, {
      uris: [],
    });
    await running();
    const [found] = await world.find();
    const following = follow(0);
    await world.seen(async () => (await world.logText()).includes('stderr: err'));
    world.bus.publish(deaStop, { droplet: 'app-1' });
    const lines = await following;
    // The shell may tell of its `sleep`, which got the TERM as well.
    const told = lines.filter(({ text }) => text !== 'Terminated');
    expect(told.map(({ source, text }) => `${source}: ${text}`)).toEqual([
      'dea: starting version v1',
      'dea: running',
      'stdout: out',
      'stderr: err',
      'dea: stopping',
      'stdout: bye',
      'dea: stopped',
    ]);
    expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, index) => index + 1));
    for (const { index, instance, time } of lines) {
      expect([index, instance]).toEqual([0, found?.instance]);
      expect(Math.abs(time - Date.now() / 1000)).toBeLessThan(60);
    }
  });

  test('wants its password, and answers what it does not understand', async () => {
    await world.startDea();
    world.start('exec sleep 60', { uris: [] });
    await running();
    const [found] = await world.find();
    expect((await request(found?.log_uri ?? '')).statusCode).toBe(401);
    expect((await world.log(found, { after: -1 })).status).toBe(400);
    expect((await world.log(found, { max: 'x' })).status).toBe(400);
    const unknown = found?.log_uri?.replace(/[^/]+$/, 'f'.repeat(32)) ?? '';
    expect((await world.log(found && { ...found, log_uri: unknown })).status).toBe(404);
    // A reader whose number is from before a lost disk gets what there is.
    expect((await world.log(found, { after: 1e9 })).lines).toHaveLength(2);
    expect((await world.log(found, { recent: 1 })).lines.map(({ text }) => text)).toEqual(['running']);
  });

  test('10,000 lines at once come whole, beside a neighbour that floods far above its limit', async () => {
    await world.startDea({
      log_stream: { lines_per_second: 500, burst_lines: 12_000 },
      log_file_bytes: 200_000,
    });
    world.start(`while :; do printf '%s\\n' flood flood flood flood flood flood flood flood; done`, {
      uris: [],
      index: 1,
    });
    world.start(`yes`, { uris: [], index: 2, limits: { mem: 64, disk: 300, fds: 64 } });
    await running(2);
    world.start(`i=0; while [ $i -lt 10000 ]; do echo line $i; i=$((i+1)); done; exec sleep 60`, {
      uris: [],
    });
    await world.seen(async () => (await world.find({ indices: [0] })).length === 1);
    const quiet = await follow(0, (lines) => lines.some(({ text }) => text === 'line 9999'));
    const told = quiet.filter(({ source }) => source === 'stdout').map(({ text }) => text);
    expect(told).toEqual(Array.from({ length: 10_000 }, (_, index) => `line ${index}`));
    expect(quiet.some(({ dropped }) => dropped !== undefined)).toBe(false);
    const loud = await follow(1, (lines) => lines.some(({ dropped }) => dropped !== undefined));
    const drop = loud.find(({ dropped }) => dropped !== undefined);
    expect(drop).toMatchObject({ source: 'dea' });
    expect(drop?.text).toMatch(/\d+ lines of stdout \(\d+ bytes\) are left out here: more than 500 lines/);
    expect(loud.map(({ seq }) => seq)).toEqual(loud.map(({ seq }, at) => (loud[0]?.seq ?? seq) + at));
  });

  test('says how many lines are no longer kept', async () => {
    await world.startDea({ log_stream: { keep_bytes: 20_000 } });
    world.start('i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; exec sleep 60', {
      uris: [],
    });
    await world.seen(async () => (await world.logText()).includes('line 1999'));
    const [found] = await world.find();
    const { lines } = await world.log(found, { after: 0, max: 10_000 });
    expect(lines[0]?.text).toMatch(/^\d+ lines are no longer kept$/);
    expect((lines[0]?.dropped ?? 0) + 1).toBe(lines[1]?.seq);
    expect(lines.at(-1)?.text).toBe('line 1999');
  });

  test('names the reason of a start that failed, and of a crash', async () => {
    await world.startDea();
    world.start('sleep 60', { sha1: 'b'.repeat(40) });
    await world.seen(() => world.exits[0]);
    await world.seen(async () =>
      (await world.logText()).includes('dea: crashed: failed to start: droplet has sha1'),
    );
    world.start('echo last words >&2; exit 7', { uris: [], index: 1 });
    const text = await world.seen(async () => {
      const told = await world.logText(1);
      return told.includes('crashed') && told;
    });
    expect(text).toContain('stderr: last words\ndea: crashed: app instance exited (status 7)\n');
  });
});
