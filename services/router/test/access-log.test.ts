import { expect, test } from '@jest/globals';
import { FakeClock } from '@vcap/clock';
import { silentLogger } from '@vcap/component';
import { tempDir } from '@vcap/testkit';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AccessLog } from '../src/access-log.ts';
import { formatAccessRecord } from '../src/index.ts';
import type { AccessRecord } from '../src/index.ts';

const record: AccessRecord = {
  host: 'shop.test',
  startedAt: Date.UTC(2013, 6, 5, 12, 0, 0, 7),
  method: 'POST',
  target: '/cart?a=1',
  protocol: 'HTTP/1.1',
  status: 201,
  requestBytes: 12,
  responseBytes: 345,
  referer: 'http://front.test/',
  userAgent: 'Browser/1 "x"',
  clientAddress: '192.0.2.1:5000',
  backendAddress: '10.0.0.1:61007',
  forwardedFor: '192.0.2.1',
  forwardedProto: 'https',
  requestId: 'r-1',
  responseTimeMs: 12.3456,
  routerTimeMs: 0.5,
  app: 'guid',
  index: '0',
  instanceId: 'p1',
  routerError: undefined,
};

test('a line has the fields of the format in their order', () => {
  expect(formatAccessRecord(record)).toBe(
    'shop.test - [2013-07-05T12:00:00.007000000Z] "POST /cart?a=1 HTTP/1.1" 201 12 345 "http://front.test/" ' +
      String.raw`"Browser/1 \"x\"" "192.0.2.1:5000" "10.0.0.1:61007" x_forwarded_for:"192.0.2.1" ` +
      'x_forwarded_proto:"https" vcap_request_id:"r-1" response_time:0.012346 gorouter_time:0.000500 ' +
      'app_id:"guid" app_index:"0" instance_id:"p1" x_cf_routererror:"-"',
  );
});

test('what is absent is a dash', () => {
  const bare = { ...record, host: '', referer: undefined, userAgent: '', backendAddress: undefined };
  expect(formatAccessRecord({ ...bare, app: undefined, routerError: 'empty_host' })).toMatch(
    /^- - \[.*\] ".*" 201 12 345 "-" "-" "192\.0\.2\.1:5000" "-" .* app_id:"-" .* x_cf_routererror:"empty_host"$/,
  );
});

test('no visitor forges a line or a field', () => {
  const forged = { ...record, host: 'a - [x] "', target: '/\n/', userAgent: '" x_cf_routererror:"none' };
  const line = formatAccessRecord(forged);
  expect(line.startsWith(String.raw`a\x20-\x20[x]\x20\" - [2013`)).toBe(true);
  expect(line).toContain(String.raw`/\x0a/`);
  expect(line).toContain(String.raw`"\" x_cf_routererror:\"none"`);
});

test('lines are written in batches, and all of them by the end; what cannot be written is counted', async () => {
  const dir = await tempDir('access-log');
  const clock = new FakeClock();
  const path = join(dir.path, 'access.log');
  const log = new AccessLog({ path, clock, log: silentLogger });
  await log.start();
  for (let i = 0; i < 500; i += 1) log.write(record);
  await log.stop();
  log.write(record);
  expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(501);
  expect(log.dropped).toBe(1);
  await dir.remove();
});
