import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { TestController } from './support/controller.ts';
import { folder } from './support/temp.ts';
import { testClock, vmc } from './support/vmc.ts';

let controller: TestController;
let home: string;
beforeEach(async () => {
  controller = await new TestController().start();
  controller.add('app', { instances: 2 });
  home = await folder({
    '.vmc_target': controller.url,
    '.vmc_token': JSON.stringify({ [controller.url]: 'token' }),
  });
});
afterEach(() => controller.stop());

const line = (index: number, time: number, text: string, source = 'stdout') => ({
  seq: 1,
  time,
  instance: `i-${index}`,
  index,
  source,
  text,
});
const asked = () => controller.lines.filter((call) => call.startsWith('GET /apps/app/logs'));

test('recent lines of staging and all instances are shown together', async () => {
  controller.stagingLog = { text: 'old\nfetching\nbuilt\n', complete: true };
  controller.logPages = [{ lines: [line(0, 1, 'hello'), line(1, 2, 'oops', 'stderr')], cursor: 'c1' }];
  const { status, out } = await vmc(['logs', 'app', '--lines', '2'], { home });
  expect(status).toBe(0);
  expect(
    out
      .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, 'TIME')
      .trim()
      .split('\n'),
  ).toEqual(['[staging] fetching', '[staging] built', 'TIME [0/stdout] hello', 'TIME [1/stderr] oops']);
  expect(asked()).toEqual(['GET /apps/app/logs?wait=0&recent=2']);
});

test('as JSON they are one list; bad numbers are refused', async () => {
  controller.logPages = [{ lines: [line(0, 1, 'hello')], cursor: 'c1' }];
  const { out } = await vmc(['logs', 'app', '--json'], { home });
  expect(JSON.parse(out)).toMatchObject([{ index: 0, source: 'stdout', text: 'hello' }]);
  const wrong = await vmc(['logs', 'app', '--lines', 'x'], { home });
  expect([wrong.status, wrong.err]).toEqual([2, expect.stringMatching(/not a number of lines/)]);
});

test('--follow goes on from the cursor, with a new staging from its beginning', async () => {
  controller.stagingLog = { text: 'first staging\n', complete: true, task: 't1' };
  controller.logPages = [
    { lines: [line(0, 1, 'one')], cursor: 'c1' },
    { lines: [line(1, 2, 'two')], cursor: 'c2' },
    { lines: [], cursor: 'c3' },
  ];
  const ended = new AbortController();
  const { status, out } = await vmc(['logs', 'app', '--follow'], {
    home,
    clock: testClock(),
    signal: ended.signal,
    onOut: (all) => {
      if (all.includes('two'))
        controller.stagingLog = { text: 'second stäging\nmore\n', complete: true, task: 't2' };
      if (all.includes('more')) ended.abort();
    },
  });
  expect(status).toBe(0);
  expect(out.match(/first staging|one|two|second stäging|more/g)).toEqual([
    'first staging',
    'one',
    'two',
    'second stäging',
    'more',
  ]);
  expect(asked().slice(1, 4)).toEqual([
    'GET /apps/app/logs?wait=15&cursor=c1',
    'GET /apps/app/logs?wait=15&cursor=c2',
    'GET /apps/app/logs?wait=15&cursor=c3',
  ]);
});

test('a target without log streams, and --instance, show files', async () => {
  controller.files['logs/'] = `${'stdout.log'.padEnd(35)}${'6B'.padStart(10)}\n`;
  controller.files['logs/stdout.log'] = 'hello\n';
  expect((await vmc(['logs', 'app'], { home })).out).toContain('====> [0: /logs/stdout.log] <====');
  controller.logPages = [];
  const { out } = await vmc(['logs', 'app', '--instance', '1'], { home });
  expect(out).toContain('====> [1: /logs/stdout.log] <====');
});
