import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Bus, vcapComponentDiscover, vcapComponentReach } from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import { freePort, startNats, tempDir } from '@vcap/testkit';
import type { NatsServer, TempDir } from '@vcap/testkit';
import { examine } from '../src/doctor/examine.ts';
import { renderFindings } from '../src/doctor/finding.ts';
import { busTlsOf, ConfigError, silentLogger, timeText, uptimeText } from '../src/index.ts';
import { tryToReach } from '../src/reach.ts';
import { parseTimeText, parseUptimeText } from '../src/texts.ts';

const run = promisify(execFile);
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

test('a bus with TLS is looked at with the files of the configuration, and what keeps us out is named', async () => {
  const script = fileURLToPath(new URL('../../../deploy/nats/certificates', import.meta.url));
  for (const set of ['right', 'wrong']) await run(script, [join(dir.path, set), 'server', '127.0.0.1']);
  await run('chmod', ['-R', 'a+rX', dir.path]); // the server is another user
  const of = (set: string, name: string): string => join(dir.path, set, name);
  const files = ['--tlscert', of('right', 'server.pem'), '--tlskey', of('right', 'server-key.pem')];
  const secure = await startNats({ extraArgs: ['--tls', ...files] });
  try {
    const mbus = [`tls://127.0.0.1:${secure.port}`];
    const look = (set: string) =>
      examine(config({ mbus, mbus_tls: { ca_file: of(set, 'ca.pem') } }), '127.0.0.1', mbus[0]);
    expect((await look('right')).filter(({ outcome }) => outcome === 'bad')).toEqual([]);
    const bad = (await look('wrong')).filter(({ outcome }) => outcome === 'bad');
    expect(bad.map(({ what }) => what)).toEqual([
      'the bus takes the credentials of this component',
      'the bus takes the credentials of tools',
    ]);
    for (const { detail } of bad)
      expect(detail).toMatch(/127\.0\.0\.1:\d+: its certificate is from no authority in/);
  } finally {
    await secure.stop();
  }
}, 60_000);

test('files for TLS without TLS are refused', () => {
  expect(() => busTlsOf({ mbus: [nats.url], mbus_tls: { ca_file: '/x' } })).toThrow(ConfigError);
  expect(busTlsOf({ mbus: [nats.url] })).toBeUndefined();
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
