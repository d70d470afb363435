import { expect, test } from '@jest/globals';
import { configSchema } from '../../src/index.ts';
import { configText } from '../../src/nginx/config-text.ts';
import type { ConfigFacts } from '../../src/nginx/config-text.ts';
import { parseReport } from '../../src/nginx/report.ts';
import { planeSettings } from '../../src/plane-settings.ts';

const facts: ConfigFacts = {
  directory: '/run/router',
  modules: '/usr/lib/nginx/modules',
  lua: '/srv/router/lua',
  user: 'www-data',
  workers: 2,
  routesMb: 64,
  listen: { address: '127.0.0.1:8081', reusePort: false },
  tls: undefined,
  proxyProtocol: false,
  accessLog: undefined,
  settings: planeSettings(configSchema.parse({ mbus: 'nats://127.0.0.1:4222' })),
  drainTimeoutMs: 10_000,
};

test('what is configured stands in nginx’s configuration', () => {
  const text = configText({ ...facts, proxyProtocol: true, accessLog: '/var/log/access log' });
  expect(text).toContain('worker_processes 2;');
  expect(text).toContain('user www-data;');
  expect(text).toContain('access_log "/var/log/access log" vcap');
  expect(text).toMatch(/listen 127\.0\.0\.1:8081 default_server proxy_protocol/);
  expect(configText({ ...facts, user: undefined })).not.toContain('user ');
});

test('a path cannot become a directive or a variable', () => {
  expect(configText({ ...facts, accessLog: '/a"; daemon on; #' })).toContain(
    String.raw`access_log "/a\"; daemon on; #"`,
  );
  expect(() => configText({ ...facts, accessLog: '/a$uri' })).toThrow(/nginx cannot be given/);
  expect(() => configText({ ...facts, directory: '/a\nuser root;' })).toThrow(/nginx cannot be given/);
});

test('what is no report is none', () => {
  for (const bad of ['', '{', '[]', '{"pid":1}']) expect(parseReport(bad)).toBeUndefined();
  const tally = { counts: [1], seconds: [0.1], samples: {} };
  const good = { pid: 1, total: tally, endpoints: {}, errors: {}, aside: {}, active: 0 };
  expect(parseReport(JSON.stringify(good))).toMatchObject({ pid: 1, aside: [], stats: { endpoints: [] } });
});
