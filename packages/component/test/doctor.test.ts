import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Bus, vcapComponentDiscover, vcapComponentReach } from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import { freePort, startNats, tempDir } from '@vcap/testkit';
import type { NatsServer, TempDir } from '@vcap/testkit';
import { examine } from '../src/doctor/examine.ts';
import { renderFindings } from '../src/doctor/finding.ts';
import { silentLogger, timeText, uptimeText } from '../src/index.ts';
import { tryToReach } from '../src/reach.ts';
import { parseTimeText, parseUptimeText } from '../src/texts.ts';

let dir: TempDir;
let nats: NatsServer;
let peer: Bus;
/** What the peer's clock is ahead by, in ms. */
let ahead = 0;

beforeAll(async () => {
  dir = await tempDir('doctor-');
  nats = await startNats();
  peer = new Bus({ servers: [nats.url], name: 'peer', log: silentLogger, clock: systemClock });
  await peer.start();
  const same = { type: 'Router', index: 0, host: '127.0.0.1' };
  peer.subscribe(vcapComponentReach, async ({ address, port }, { reply }) =>
    reply?.({ ...same, ...(await tryToReach(address, port)) }),
  );
  peer.subscribe(vcapComponentDiscover, (_message, { reply }) =>
    reply?.({
      ...same,
      uuid: 'u',
      credentials: ['u', 'p'],
      start: timeText(systemClock.now() - 90_000 + ahead),
      uptime: uptimeText(90_000),
    }),
  );
});
afterAll(async () => {
  await peer?.stop();
  await nats?.stop();
  await dir?.remove();
});

const config = (more: object = {}) => ({
  mbus: [nats.url],
  index: 0,
  status: { port: 0 },
  logging: { level: 'info' as const },
  ...more,
});

test('a host that can join is told so, by itself and by the others', async () => {
  const found = await examine(config({ base_dir: `${dir.path}/new/dea` }), '127.0.0.1', nats.url);
  expect(found.filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
  expect(renderFindings(found)).toMatch(/ok {7}Router 0 at 127\.0\.0\.1 reaches 127\.0\.0\.1/);
});

test('what is wrong is named: an address, a directory, ports, the clock', async () => {
  ahead = 60_000;
  const wrong = {
    redis: { uri: `redis://127.0.0.1:${await freePort()}` },
    base_dir: '/proc/none',
    port_range: { first: 40_000, last: 41_000 },
  };
  const found = await examine(config(wrong), '192.0.2.7', nats.url);
  const bad = found.filter(({ outcome }) => outcome === 'bad').map(({ what }) => what);
  expect(bad).toEqual([
    expect.stringContaining('redis.uri: 127.0.0.1'),
    expect.stringContaining('192.0.2.7 is an address of this host'),
    expect.stringContaining('base_dir'),
    expect.stringContaining('port_range'),
    expect.stringContaining('others reach 192.0.2.7'),
    expect.stringContaining('clocks'),
  ]);
});

test('without credentials of tools it says what was not looked at', async () => {
  const found = await examine(config(), '127.0.0.1');
  expect(found.at(-1)).toMatchObject({ outcome: 'skipped' });
});

test('times and uptimes read back', () => {
  expect(parseTimeText(timeText(1_700_000_000_000))).toBe(1_700_000_000_000);
  expect(parseUptimeText(uptimeText(93_784_000))).toBe(93_784_000);
  expect([parseTimeText('never'), parseUptimeText('long')]).toEqual([undefined, undefined]);
});
