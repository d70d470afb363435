import { expect, test } from '@jest/globals';
import { configSchema, formatAccessRecord } from '../../src/index.ts';
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

const pair = {
  name: 'default',
  certificate: '/c/default.crt',
  key: '/c/default.key',
  names: ['shop.test'],
  fallback: true,
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

test('nginx’s own figures and the news of routes are served on the control socket alone', () => {
  const servers = configText({ ...facts, tls: { address: '127.0.0.1:443', pairs: [pair] } }).split(
    'server {',
  );
  const [first, ...visitors] = servers.filter((each) => each.includes('listen '));
  expect(first).toMatch(/listen "unix:\/run\/router\/control\.sock";/);
  expect(first).toMatch(/push[^]*stub_status;/);
  expect(visitors).toHaveLength(2);
  for (const each of visitors) expect(each).not.toMatch(/stub_status|vcap\.push/);
});

test('a line of the log has the fields of the Node plane’s, in their order', () => {
  const form = /log_format vcap '(.*)';/.exec(configText({ ...facts, accessLog: '/log' }))?.[1] ?? '';
  const values: Record<string, string> = {
    $http_host: 'shop.test',
    $vcap_time: '2013-07-05T12:00:00.007000000Z',
    $request: 'POST /cart HTTP/1.1',
    $status: '201',
    $vcap_sent_bytes: '12',
    $body_bytes_sent: '345',
    $http_referer: 'http://front.test/',
    $http_user_agent: 'Browser/1',
    $remote_addr: '192.0.2.1',
    $remote_port: '5000',
    $upstream_addr: '10.0.0.1:61007',
    $http_x_forwarded_for: '192.0.2.9',
    $http_x_forwarded_proto: 'https',
    $request_id: 'r-1',
    '${request_time}': '0.012',
    $vcap_app: 'guid',
    $vcap_index: '0',
    $vcap_instance: 'p1',
    $vcap_logged_error: 'bad_request',
  };
  const line = form.replaceAll(/\$\w+|\$\{\w+\}/g, (name) => values[name] ?? name);
  const ours = formatAccessRecord({
    host: 'shop.test',
    startedAt: Date.UTC(2013, 6, 5, 12, 0, 0, 7),
    method: 'POST',
    target: '/cart',
    protocol: 'HTTP/1.1',
    status: 201,
    requestBytes: 12,
    responseBytes: 345,
    referer: 'http://front.test/',
    userAgent: 'Browser/1',
    clientAddress: '192.0.2.1:5000',
    backendAddress: '10.0.0.1:61007',
    forwardedFor: '192.0.2.9',
    forwardedProto: 'https',
    requestId: 'r-1',
    responseTimeMs: 12,
    routerTimeMs: 0.5,
    app: 'guid',
    index: '0',
    instanceId: 'p1',
    routerError: 'bad_request',
  });
  expect(line).toBe(ours.replace('gorouter_time:0.000500', 'gorouter_time:-'));
});

test('what is no report is none', () => {
  for (const bad of ['', '{', '[]', '{"pid":1}']) expect(parseReport(bad)).toBeUndefined();
  const tally = { counts: [1], seconds: [0.1], samples: {} };
  const good = { pid: 1, total: tally, endpoints: {}, errors: {}, aside: {}, active: 0 };
  expect(parseReport(JSON.stringify(good))).toMatchObject({ pid: 1, aside: [], stats: { endpoints: [] } });
});
