import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { FakeClock } from '@vcap/clock';
import { silentLogger } from '@vcap/component';
import { waitFor } from '@vcap/testkit';
import { recordOf } from '../../src/nginx/lookup.ts';
import { RouteNews } from '../../src/nginx/news.ts';
import type { News } from '../../src/nginx/news.ts';
import { RouteTable } from '../../src/plane/table/table.ts';
import type { RouteChange } from '../../src/plane/table/table.ts';

let clock: FakeClock;
let table: RouteTable;
let news: RouteNews;
let pushed: News[];
let broken: boolean;
let asides: string[];
beforeEach(async () => {
  clock = new FakeClock();
  table = new RouteTable({ gone: () => undefined, now: () => clock.monotonic() });
  pushed = [];
  broken = false;
  asides = [];
  news = new RouteNews({
    clock,
    log: silentLogger,
    recordOf: (host) => recordOf(table, host, (at) => at),
    asides: () => asides,
    push: async (each) => {
      if (broken) throw new Error('nginx is not there');
      pushed.push(each);
    },
  });
  await news.setUp(true);
  pushed = [];
});
afterEach(() => news.stop());

function change(...each: RouteChange): void {
  table.apply(each);
  news.changed(each);
}
const add = (key: string, port: number): void =>
  change('add', key, { address: `10.0.0.1:${port}`, host: '10.0.0.1', port, app: 'guid' });
/** Until what is under way has been delivered. */
const settled = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(() => setImmediate(resolve));
  });

test('a host is told when it is asked for, and again when it changes; others are not', async () => {
  add('shop.test', 1);
  await settled();
  expect(pushed).toEqual([]);
  expect(await news.lookup('shop.test')).toMatch(/"address":"10\.0\.0\.1:1"/);
  expect(Object.keys(pushed[0]!.routes)).toEqual(['shop.test']);
  add('shop.test', 2);
  add('other.test', 3);
  await settled();
  expect(pushed).toHaveLength(2);
  expect(Object.keys(pushed[1]!.routes)).toEqual(['shop.test']);
  expect(pushed[1]!.routes['shop.test']).toMatch(/10\.0\.0\.1:2/);
});

test('the record of a host holds its paths, the longest first, and what wildcards add', async () => {
  add('shop.test', 1);
  add('shop.test/a', 2);
  add('shop.test/a/b', 3);
  add('*.test', 4);
  const paths = (host: string): string[] =>
    (JSON.parse(recordOf(table, host, (at) => at) ?? '[]') as { path: string }[]).map(({ path }) => path);
  expect(paths('shop.test')).toEqual(['/a/b', '/a', '']);
  expect(paths('any.test')).toEqual(['']);
  expect(recordOf(table, 'elsewhere', (at) => at)).toBeUndefined();
});

test('hosts under a wildcard hear of its changes; a forgotten route is taken away', async () => {
  add('*.wild.test', 1);
  await news.lookup('a.wild.test');
  add('*.wild.test', 2);
  await settled();
  expect(pushed.at(-1)!.routes['a.wild.test']).toMatch(/10\.0\.0\.1:2/);
  change('forget', '*.wild.test');
  await settled();
  expect(pushed.at(-1)!.routes).toEqual({ 'a.wild.test': null });
});

test('that a host is unknown is disproved at once', async () => {
  expect(await news.lookup('shop.test')).toBeUndefined();
  expect(pushed).toEqual([]);
  add('shop.test', 1);
  await settled();
  expect(pushed).toHaveLength(1);
});

test('a backend that failed is told when it registered again, others are not', async () => {
  news.setAside('10.0.0.1:1');
  change('up', '10.0.0.1:2');
  change('up', '10.0.0.1:1');
  await settled();
  expect(pushed.map(({ well }) => well)).toEqual([['10.0.0.1:1']]);
});

test('after a delivery that failed all is forgotten, and told again when asked for', async () => {
  add('shop.test', 1);
  await news.lookup('shop.test');
  broken = true;
  add('shop.test', 2);
  await settled();
  broken = false;
  await clock.advance(100);
  await waitFor(() => pushed.length === 2);
  expect(pushed[1]).toMatchObject({ flush: true, routes: {} });
  add('shop.test', 3);
  await settled();
  expect(pushed).toHaveLength(2);
  expect(await news.lookup('shop.test')).toMatch(/10\.0\.0\.1:3/);
});

test('an nginx that knows nothing is told of all that failed, also of what failed before it was there', async () => {
  broken = true;
  change('down', '10.0.0.1:1');
  await settled();
  asides = ['10.0.0.1:1', '10.0.0.1:2'];
  broken = false;
  await clock.advance(100);
  await waitFor(() => pushed.length === 1);
  expect(pushed[0]).toMatchObject({ flush: true, ill: ['10.0.0.1:1', '10.0.0.1:2'], well: [] });
  change('up', '10.0.0.1:2');
  await settled();
  expect(pushed[1]).toMatchObject({ flush: false, ill: [], well: ['10.0.0.1:2'] });
});

test('of what failed and came back, and failed again, before it was told, the last is told', async () => {
  change('down', '10.0.0.1:1');
  change('up', '10.0.0.1:1');
  change('down', '10.0.0.1:1');
  change('down', '10.0.0.1:2');
  change('up', '10.0.0.1:2');
  await settled();
  expect(pushed).toMatchObject([{ ill: ['10.0.0.1:1'], well: ['10.0.0.1:2'] }]);
});
