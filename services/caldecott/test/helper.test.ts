import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '@vcap/clock';
import { CaldecottClient, LocalListener } from '@vcap/tunnel';
import { boundServices, destinationsOf } from '../src/helper/bound-services.ts';
import { bundleHelper } from '../src/helper/bundle.ts';
import { exchange, startEcho } from './support/echo.ts';
import type { Echo } from './support/echo.ts';
import { bindingEnv, startHelper, token } from './support/helper-process.ts';
import type { HelperProcess } from './support/helper-process.ts';

describe('the helper as an application', () => {
  let echo: Echo;
  let helper: HelperProcess;
  const get = (path: string, headers: Record<string, string> = { 'Auth-Token': token }): Promise<Response> =>
    fetch(helper.url + path, { headers });

  beforeAll(async () => {
    echo = await startEcho();
    helper = await startHelper(bindingEnv(echo.port));
  });
  afterAll(async () => {
    await helper.stop();
    await echo.stop();
  });

  test.each(['/', '/info', '/services', '/services/db1', '/tunnels', '/nowhere'])(
    '%s is a 404 without a body to whoever lacks the token',
    async (path) => {
      for (const headers of [{}, { 'Auth-Token': '' }, { 'Auth-Token': `${token}x` }]) {
        const response = await get(path, headers);
        expect([response.status, await response.text()]).toEqual([404, '']);
      }
    },
  );

  test('tells what it is, what is bound, and the credentials', async () => {
    const { release } = await bundleHelper();
    expect(await (await get('/info')).json()).toEqual({
      version: '0.0.4',
      release,
      transports: ['websocket', 'http'],
      half_close: true,
    });
    expect(await (await get('/services')).json()).toEqual(
      JSON.parse(bindingEnv(echo.port)['VCAP_SERVICES'] ?? ''),
    );
    expect(await (await get('/services/db1')).json()).toMatchObject({ port: echo.port, password: 'p1' });
    expect((await get('/services/db2')).status).toBe(404);
    const client = new CaldecottClient({ url: helper.url, token, clock: systemClock });
    expect(await client.service('db1')).toMatchObject({ user: 'u1' });
    expect(await client.service('no such')).toBeUndefined();
    client.close();
  });

  test.each(['http', 'websocket'] as const)('carries bytes over %s', async (transport) => {
    const client = new CaldecottClient({ url: helper.url, token, clock: systemClock, transport });
    const listener = new LocalListener({ client, destination: { host: '127.0.0.1', port: echo.port } });
    const data = randomBytes(2_000_000);
    expect((await exchange(await listener.start(0), data)).equals(data)).toBe(true);
    await listener.stop();
    client.close();
  });

  test.each([
    ['another port', { host: '127.0.0.1', port: 1 }],
    ['another name of the same host', { host: 'localhost', port: 0 }],
    ['another host', { host: '169.254.169.254', port: 80 }],
  ])('opens nothing else: %s', async (_what, { host, port }) => {
    const response = await fetch(`${helper.url}/tunnels`, {
      method: 'POST',
      headers: { 'Auth-Token': token },
      body: JSON.stringify({ host, port: port || echo.port }),
    });
    expect(response.status).toBe(403);
    expect(await response.text()).toContain('is not the address of a service');
  });

  test('never prints its token or a password', async () => {
    await get('/info', { 'Auth-Token': 'wrong' });
    expect(helper.process.output()).toContain('tunnel-opened');
    expect(helper.process.output()).not.toContain(token);
    expect(helper.process.output()).not.toContain('p1"');
  });
});

test('refuses with a word what it may not have the files open for', async () => {
  const echo = await startEcho();
  const limits = { limits: { fds: 73, mem: 134_217_728 } };
  const env = { ...bindingEnv(echo.port), VCAP_APPLICATION: JSON.stringify(limits) };
  const helper = await startHelper(env);
  const open = (): Promise<Response> =>
    fetch(`${helper.url}/tunnels`, {
      method: 'POST',
      headers: { 'Auth-Token': token },
      body: JSON.stringify({ host: '127.0.0.1', port: echo.port }),
    });
  for (let count = 0; count < 3; count += 1) expect((await open()).status).toBe(201);
  const refused = await open();
  expect([refused.status, refused.headers.get('tunnel-error')]).toEqual([503, 'too-many-tunnels']);
  expect(await refused.text()).toContain('3 tunnels are open');
  await helper.stop();
  await echo.stop();
});

describe('what it needs', () => {
  test.each([
    [{}, 'CALDECOTT_AUTH is not set'],
    [{ CALDECOTT_AUTH: '' }, 'CALDECOTT_AUTH is not set'],
    [{ CALDECOTT_AUTH: 'short' }, 'could be guessed'],
  ])('does not start with %j', async (env, why) => {
    await expect(startHelper(env as NodeJS.ProcessEnv)).rejects.toThrow(why);
  });

  test('is small: less than a megabyte', async () => {
    expect((await bundleHelper()).files['server.js']?.length).toBeLessThan(1_000_000);
  });
});

describe('bound services', () => {
  test('come from both variables; what cannot be read is left out', () => {
    const env = {
      VMC_SERVICES: JSON.stringify([
        { name: 'old', vendor: 'mysql', options: { hostname: '10.0.0.5', port: 3306 } },
        { name: 'no options' },
        7,
      ]),
      VCAP_SERVICES: JSON.stringify({
        rabbit: [{ name: 'r', credentials: { url: 'amqp://u:p@10.0.0.6:5672/vhost' } }],
        mysql: [{ name: 'text port', credentials: { host: 'db.internal', port: '3307' } }],
        odd: 'text',
      }),
    };
    expect(boundServices(env).map(({ name }) => name)).toEqual(['old', 'r', 'text port']);
    expect(destinationsOf(boundServices(env))).toEqual([
      { host: '10.0.0.5', port: 3306 },
      { host: '10.0.0.6', port: 5672 },
      { host: 'db.internal', port: 3307 },
    ]);
  });

  test.each([undefined, '', 'not json', '[]', '7', 'null'])('%j binds nothing', (text) => {
    expect(boundServices(text === undefined ? {} : { VCAP_SERVICES: text, VMC_SERVICES: text })).toEqual([]);
  });
});
