import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import { waitFor } from '@vcap/testkit';
import type { DialectName } from '../src/db/open.ts';
import type { ApiClient } from './support/client.ts';
import { TestCloud } from './support/cloud.ts';
import type { Controller } from './support/cloud.ts';
import { stageAtOnce } from './support/doubles.ts';

const dialects: DialectName[] = ['sqlite', 'mysql'];

describe.each(dialects)('the v1 API on %s', (dialect) => {
  let cloud: TestCloud;
  let controller: Controller;
  let api: ApiClient;
  let ann: ApiClient;
  let sequence = 0;

  beforeAll(async () => {
    cloud = await TestCloud.start(dialect);
    controller = await cloud.controller(await cloud.database(), {
      app_uris: { reserved_list: ['www'] },
      bootstrap_admin: { email: 'admin@test.dev', password_file: await passwordFile(cloud) },
    });
    ({ api } = controller);
  }, 60_000);
  afterAll(() => cloud.stop());
  beforeEach(async () => {
    ann = await api.as(`ann${++sequence}@test.dev`);
    cloud.world.orders.length = 0;
    cloud.world.stage = stageAtOnce;
    cloud.world.running = 0;
  });

  const admin = () => api.logIn('admin@test.dev', 'admin-pass');
  const newApp = (name: string, more: Record<string, unknown> = {}) => ({
    name,
    staging: { framework: 'node', runtime: null },
    uris: [`${name}-${sequence}.vcap.test`],
    instances: 1,
    resources: { memory: 64 },
    ...more,
  });
  const started = async (name: string, more: Record<string, unknown> = {}) => {
    await ann.call('POST', '/apps', newApp(name, more));
    await upload(ann, name);
    const answer = await ann.call('PUT', `/apps/${name}`, { state: 'STARTED' });
    expect(answer.status).toBe(200);
    cloud.world.orders.length = 0;
  };

  describe('info and accounts', () => {
    test('tells strangers enough to take the target, and users their limits, usage and frameworks', async () => {
      const stranger = (await api.get('/info')).body;
      expect(stranger).toMatchObject({
        name: 'vcap',
        build: 2222,
        version: '0.999',
        support: expect.stringMatching(/^http/),
      });
      expect(stranger.user).toBeUndefined();
      const own = (await ann.get('/info')).body;
      expect(own).toMatchObject({
        user: `ann${sequence}@test.dev`,
        limits: { memory: 2048, app_uris: 4, services: 16, apps: 20 },
        usage: { memory: 0, apps: 0, services: 0 },
      });
      expect(own.frameworks.node.runtimes).toEqual([cloud.world.runtimes[0]]);
      expect(Object.keys(own.frameworks).toSorted()).toEqual(['node', 'standalone', 'static', 'wsgi']);
      expect(own.frameworks.node.memory).toBe(256);
    });

    test('a wrong password, a bad token and an unknown e-mail are all refused with 200', async () => {
      const wrong = await api.call('POST', `/users/ann${sequence}%40test.dev/tokens`, { password: 'no' });
      expect([wrong.status, wrong.body]).toEqual([
        403,
        { code: 200, description: 'Operation not permitted' },
      ]);
      expect((await api.call('POST', '/users/nobody%40x.dev/tokens', { password: 'no' })).body.code).toBe(
        200,
      );
      expect((await api.with({ authorization: 'x.y' }).get('/apps')).body.code).toBe(200);
    });

    test('registers an e-mail once, and never one of an administrator', async () => {
      const again = await api.call('POST', '/users', { email: `ANN${sequence}@test.dev`, password: 'x' });
      expect([again.status, again.body.code]).toEqual([400, 100]);
      expect((await api.call('POST', '/users', { email: 'nonsense', password: 'x' })).body.code).toBe(100);
      expect((await api.call('POST', '/users', { email: 'admin@test.dev', password: 'x' })).body.code).toBe(
        200,
      );
    });

    test('a password change is for oneself or by an administrator, and ends the older tokens', async () => {
      const bob = await api.as(`bob${sequence}@test.dev`);
      const path = `/users/ann${sequence}%40test.dev`;
      expect((await bob.call('PUT', path, { password: 'stolen' })).body.code).toBe(200);
      expect((await ann.call('PUT', path, { password: 'new one' })).status).toBe(204);
      expect((await ann.get('/apps')).status).toBe(403);
      const again = await api.logIn(`ann${sequence}@test.dev`, 'new one');
      expect((await again.get('/apps')).status).toBe(200);
      expect((await (await admin()).call('PUT', path, { password: 'reset' })).status).toBe(204);
      expect((await again.get('/apps')).status).toBe(403);
    });

    test('administrators list and delete users, act for them, and others do not', async () => {
      await started('mine');
      const boss = await admin();
      expect((await ann.get('/users')).status).toBe(403);
      const list = (await boss.get('/users')).body;
      expect(list).toContainEqual({
        email: `ann${sequence}@test.dev`,
        admin: false,
        apps: [{ name: 'mine', state: 'STARTED' }],
      });
      const proxied = boss.with({ 'proxy-user': `ann${sequence}@test.dev` });
      expect((await proxied.get('/apps')).body.map((app: { name: string }) => app.name)).toEqual(['mine']);
      expect((await boss.with({ 'proxy-user': 'no@x.dev' }).get('/apps')).body.code).toBe(201);
      expect((await ann.with({ 'proxy-user': 'admin@test.dev' }).get('/apps')).body.code).toBe(200);
      expect((await boss.call('DELETE', `/users/ann${sequence}@test.dev`)).status).toBe(204);
      expect(cloud.world.orders).toEqual(['stop mine', 'updated mine', 'bits-deleted']);
      expect((await ann.get('/apps')).status).toBe(403);
    });

    test('answers unknown routes 404 and unparsable bodies 100, each with its trace id', async () => {
      const unknown = await ann.get('/no/such');
      expect(unknown.status).toBe(404);
      const bad = await ann
        .with({ traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` })
        .call('POST', '/apps', '{');
      expect([bad.status, bad.body.code]).toEqual([400, 100]);
      expect(bad.headers.get('x-vcap-request-id')).toBe('a'.repeat(32));
      expect((await ann.call('GET', '/apps/%ZZ')).body.code).toBe(100);
    });
  });

  describe('apps', () => {
    test('are created with a redirect and read back whole', async () => {
      const made = await ann.call('POST', '/apps', newApp('foo', { env: ['A=1', 'A=1', 'B=x=y'] }));
      expect(made.status).toBe(302);
      expect(made.headers.get('location')).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/apps\/foo$/);
      expect(made.body).toEqual({ result: 'success', redirect: made.headers.get('location') });
      const app = (await ann.get('/apps/foo')).body;
      expect(app).toMatchObject({
        name: 'foo',
        staging: { model: 'node', stack: 'node24' },
        uris: [`foo-${sequence}.vcap.test`],
        instances: 1,
        runningInstances: 0,
        resources: { memory: 64, disk: 2048, fds: 256 },
        state: 'STOPPED',
        services: [],
        env: ['A=1', 'B=x=y'],
        meta: { debug: null, console: false, version: 1 },
      });
      expect((await ann.get('/apps')).body).toEqual([{ ...app, runningInstances: null }]);
    });

    test.each<[string, Record<string, unknown>, number, number]>([
      ['a name with a dot', { name: 'a.b' }, 400, 300],
      ['no framework', { staging: {} }, 400, 308],
      ['an unknown framework', { staging: { framework: 'cobol' } }, 400, 300],
      ['a runtime of another framework', { staging: { framework: 'node', runtime: 'python3' } }, 400, 307],
      ['a reserved environment name', { env: ['VCAP_X=1'] }, 403, 200],
      ['an environment item without =', { env: ['X'] }, 400, 300],
      ['too many URLs', { uris: ['a', 'b', 'c', 'd', 'e'] }, 403, 602],
      ['an external URL', { uris: ['www.example.com'] }, 403, 702],
      ['a reserved URL', { uris: ['www.vcap.test'] }, 400, 701],
      ['the URL of the API itself', { uris: ['api.vcap.test'] }, 400, 701],
      ['a URL that is none', { uris: ['a b.vcap.test'] }, 400, 700],
      ['negative instances', { instances: -1 }, 400, 300],
      ['a service that is not there', { services: ['redis'] }, 404, 500],
      ['a start without bits', { state: 'STARTED' }, 400, 300],
      ['debug mode', { debug: 'run' }, 400, 309],
    ])('are refused with %s, and nothing stays', async (_what, change, status, code) => {
      const answer = await ann.call('POST', '/apps', newApp('bad', change));
      expect([answer.status, answer.body.code]).toEqual([status, code]);
      expect((await ann.get('/apps')).body).toEqual([]);
    });

    test('share a URL within one account, not between two', async () => {
      const uris = [`HTTP://Shared-${sequence}.vcap.test:8080/path`];
      await ann.call('POST', '/apps', newApp('one', { uris }));
      await ann.call('POST', '/apps', newApp('two', { uris }));
      expect((await ann.get('/apps/two')).body.uris).toEqual([`shared-${sequence}.vcap.test`]);
      const bob = await api.as(`bob${sequence}@test.dev`);
      const taken = await bob.call('POST', '/apps', newApp('thief', { uris }));
      expect([taken.status, taken.body.code]).toEqual([400, 701]);
      expect((await bob.get('/apps/one')).body.code).toBe(301);
      await ann.call('DELETE', '/apps/one');
      await ann.call('PUT', '/apps/two', { uris: [] });
      expect((await bob.call('POST', '/apps', newApp('heir', { uris }))).status).toBe(302);
    });

    test('of one name: the second is refused, also when both come at once', async () => {
      const answers = await Promise.all(
        [1, 2, 3].map(() => ann.call('POST', '/apps', newApp('twin', { uris: [] }))),
      );
      expect(answers.map((answer) => answer.status).sort((a, b) => a - b)).toEqual([302, 400, 400]);
    });

    test('stage and start, scale by the difference, follow their URLs, and stop', async () => {
      await ann.call('POST', '/apps', newApp('foo'));
      await upload(ann, 'foo');
      const before = (await ann.get('/apps/foo')).body.version;
      expect((await ann.call('PUT', '/apps/foo', { state: 'STARTED' })).text).toBe(' ');
      expect(cloud.world.orders.splice(0)).toEqual(['start foo', 'updated foo']);
      const app = (await ann.get('/apps/foo')).body;
      expect(app.state).toBe('STARTED');
      expect(app.version).not.toBe(before);
      await ann.call('PUT', '/apps/foo', { instances: 3 });
      expect(cloud.world.orders.splice(0)).toEqual(['start foo 1,2', 'updated foo']);
      await ann.call('PUT', '/apps/foo', { instances: 2, uris: ['b.vcap.test', `a-${sequence}.vcap.test`] });
      expect(cloud.world.orders.splice(0)).toEqual([
        `uris[a-${sequence}.vcap.test,b.vcap.test] foo`,
        'stop foo 2',
        'updated foo',
      ]);
      await ann.call('PUT', '/apps/foo', { state: 'STOPPED', uris: [] });
      expect(cloud.world.orders.splice(0)).toEqual(['stop foo', 'updated foo']);
      expect((await ann.get('/apps/foo')).body.version).toBe(app.version);
    });

    test('change only under the version their reader saw', async () => {
      await ann.call('POST', '/apps', newApp('foo'));
      expect((await ann.call('PUT', '/apps/foo', { instances: 2, meta: { version: 1 } })).status).toBe(200);
      const late = await ann.call('PUT', '/apps/foo', { instances: 3, meta: { version: 1 } });
      expect([late.status, late.body.code]).toEqual([400, 102]);
      expect((await ann.get('/apps/foo')).body).toMatchObject({ instances: 2, meta: { version: 2 } });
    });

    test('keep to the memory and number of the account', async () => {
      await started('big', { resources: { memory: 1024 } });
      const over = await ann.call('PUT', '/apps/big', { instances: 3 });
      expect([over.status, over.body]).toEqual([
        403,
        { code: 600, description: "Not enough memory capacity, you're allowed: 2048M" },
      ]);
      expect((await ann.get('/apps/big')).body.instances).toBe(1);
      expect((await ann.get('/info')).body.usage).toMatchObject({ memory: 1024, apps: 1 });
      const many = Array.from({ length: 22 }, (_, n) =>
        ann.call('POST', '/apps', newApp(`a${n}`, { uris: [] })),
      );
      const codes = (await Promise.all(many)).map((answer) => answer.status);
      expect(codes.filter((status) => status === 302)).toHaveLength(19);
      expect((await ann.call('POST', '/apps', newApp('more', { uris: [] }))).body.code).toBe(601);
    });

    test('whose staging fails are stopped again and say why', async () => {
      await ann.call('POST', '/apps', newApp('foo'));
      await upload(ann, 'foo');
      cloud.world.stage = async () => ({ ok: false, message: 'no package.json' });
      const failed = await ann.call('PUT', '/apps/foo', { state: 'STARTED' });
      expect([failed.status, failed.body]).toEqual([
        500,
        { code: 310, description: "Staging failed: 'no package.json'" },
      ]);
      expect((await ann.get('/apps/foo')).body.state).toBe('STOPPED');
      expect(cloud.world.orders).toEqual(['updated foo']);
      cloud.world.stage = stageAtOnce;
      expect((await ann.call('PUT', '/apps/foo', { state: 'STARTED' })).status).toBe(200);
    });

    test('stopped while they are staged do not start afterwards', async () => {
      await ann.call('POST', '/apps', newApp('foo'));
      await upload(ann, 'foo');
      const gate = Promise.withResolvers<void>();
      const reached = Promise.withResolvers<void>();
      cloud.world.stage = async (app, store) => {
        reached.resolve();
        await gate.promise;
        return stageAtOnce(app, store);
      };
      const start = ann.call('PUT', '/apps/foo', { state: 'STARTED' });
      await reached.promise;
      await ann.call('PUT', '/apps/foo', { state: 'STOPPED' });
      gate.resolve();
      expect((await start).status).toBe(200);
      expect(cloud.world.orders).toEqual(['stop foo', 'updated foo']);
    });

    test('with new bits are restarted by PUT update, under a new version', async () => {
      await started('foo');
      const { version } = (await ann.get('/apps/foo')).body;
      await upload(ann, 'foo', 'other bits');
      expect((await ann.get('/apps/foo/update')).body.state).toBe('UPDATING');
      expect((await ann.call('PUT', '/apps/foo/update')).status).toBe(204);
      expect(cloud.world.orders).toEqual(['stop foo 0', 'start foo', 'updated foo']);
      expect((await ann.get('/apps/foo')).body.version).not.toBe(version);
      cloud.world.running = 1;
      expect((await ann.get('/apps/foo/update')).body.state).toBe('SUCCEEDED');
      await ann.call('PUT', '/apps/foo', { state: 'STOPPED' });
      expect((await ann.call('PUT', '/apps/foo/update')).body.code).toBe(305);
    });

    test('are deleted with their bits, after which the name is free', async () => {
      await started('foo');
      expect((await ann.call('DELETE', '/apps/foo')).status).toBe(200);
      expect(cloud.world.orders).toEqual(['stop foo', 'updated foo', 'bits-deleted']);
      expect((await ann.get('/apps/foo')).body.code).toBe(301);
      expect((await ann.call('POST', '/apps', newApp('foo'))).status).toBe(302);
    });
  });

  describe('instances and files', () => {
    test('are empty for a stopped app and asked for a started one', async () => {
      await ann.call('POST', '/apps', newApp('foo'));
      expect((await ann.get('/apps/foo/instances')).body).toEqual({ instances: [] });
      expect((await ann.get('/apps/foo/stats')).body).toEqual({});
      expect((await ann.get('/apps/foo/instances/0/files')).body.code).toBe(305);
      await started('bar', { uris: [] });
      cloud.world.views = [{ index: 0, state: 'RUNNING', since: 1 }];
      expect((await ann.get('/apps/bar/instances')).body).toEqual({ instances: cloud.world.views });
      expect((await ann.get('/apps/bar/stats')).body).toEqual({ 0: { state: 'RUNNING' } });
      expect((await ann.get('/apps/bar/crashes')).body).toEqual({ crashes: [{ instance: 'abc', since: 5 }] });
      expect((await ann.get('/apps/bar/instances/1/files')).body.code).toBe(304);
    });

    test('take paths with encoded slashes, instance ids and ranges', async () => {
      await started('foo');
      cloud.world.openedPaths.length = 0;
      expect((await ann.get('/apps/foo/instances/0/files/%2Flogs%2Fstdout.log')).text).toBe('data');
      await ann.get('/apps/foo/instances/0/files/logs/a%20b');
      await ann.get('/apps/foo/instances/0/files');
      const tail = await ann.with({ range: 'bytes=2-' }).get('/apps/foo/instances/abcdef/files/x');
      expect(tail.status).toBe(206);
      expect(cloud.world.openedPaths).toEqual([
        '{"index":0} /logs/stdout.log',
        '{"index":0} /logs/a b',
        '{"index":0} /',
        '{"instanceId":"abcdef"} /x bytes=2-',
      ]);
      expect((await ann.get('/apps/foo/instances/0/files/missing')).status).toBe(404);
      const log = await ann.get('/apps/foo/staging/log?offset=4');
      expect([log.text, log.headers.get('x-staging-complete')]).toEqual(['text', 'true']);
    });

    test('bits come back as uploaded, and resources are matched in lists of thousands', async () => {
      await ann.call('POST', '/apps', newApp('foo'));
      expect((await ann.get('/apps/foo/application')).body.code).toBe(301);
      expect((await ann.get('/apps/foo/staging/log')).body.code).toBe(303);
      await upload(ann, 'foo', 'zip zip');
      expect((await ann.get('/apps/foo/application')).text).toBe('zip zip');
      const list = Array.from({ length: 10_000 }, (_, n) => ({
        fn: `/f${n}`,
        size: n,
        sha1: 'a'.repeat(40),
        extra: n,
      }));
      const matched = await ann.call('POST', '/resources', list);
      expect(matched.body).toEqual(list.slice(2));
      expect((await ann.call('POST', '/resources', [{ fn: 'x', size: 1, sha1: 'zz' }])).status).toBe(400);
    });
  });

  describe('the routes of components', () => {
    test('give the package to a stager and take its droplet once', async () => {
      await started('foo');
      const { store, settings } = controller.services;
      const user = await store.users.byEmail(`ann${sequence}@test.dev`);
      const app = await store.apps.byName(user?.spaceId ?? 0, 'foo');
      const guid = app?.guid ?? '';
      expect((await api.get(`/staging/apps/${guid}`)).status).toBe(401);
      expect((await api.with(basicHeader(settings.stagingAuth)).get(`/staging/apps/${guid}`)).text).toBe(
        'bits',
      );
      await store.uploadTokens.putUploadToken('once', guid, Date.now() + 60_000);
      await store.uploadTokens.putUploadToken('old', guid, Date.now() - 1);
      const send = (token: string) =>
        api
          .with({ 'content-type': 'multipart/form-data; boundary=1' })
          .call('POST', `/staging/droplets/${guid}/upload?token=${token}`, 'droplet');
      expect((await send('wrong')).status).toBe(403);
      expect((await send('old')).status).toBe(403);
      expect((await send('once')).status).toBe(200);
      expect((await send('once')).status).toBe(403);
      expect((await api.get(`/staged_droplets/${guid}/${app?.dropletHash}`)).text).toBe('droplet');
      expect((await api.get(`/staged_droplets/${guid}/${'0'.repeat(40)}`)).body.code).toBe(301);
    });

    test('walk all apps in pages, with credentials that the bus tells', async () => {
      await started('foo');
      await ann.call('POST', '/apps', newApp('bar', { uris: [] }));
      const { bulkCredentials } = await import('@vcap/bus');
      const bus = await cloud.bus('health-manager');
      const [credentials] = await bus.request(bulkCredentials.for('default'), {}, { timeoutMs: 2000 });
      await bus.stop();
      if (!credentials) throw new Error('nobody answered');
      const bulk = api.with(basicHeader(credentials));
      const seen: Record<string, any>[] = [];
      for (let token: unknown = {}; ;) {
        const page = (
          await bulk.get(`/bulk/apps?batch_size=1&bulk_token=${encodeURIComponent(JSON.stringify(token))}`)
        ).body;
        const results = Object.values<Record<string, any>>(page.results);
        if (results.length === 0) break;
        expect(results).toHaveLength(1);
        seen.push(...results);
        token = page.bulk_token;
      }
      expect(seen.find((app) => app['name'] === 'foo' && app['state'] === 'STARTED')).toMatchObject({
        instances: 1,
        memory: 64,
        package_state: 'STAGED',
        updated_at: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000$/),
      });
      expect((await bulk.get('/bulk/counts?model=user')).body.counts.user).toBeGreaterThan(1);
      expect((await bulk.get('/bulk/apps?bulk_token=[')).status).toBe(400);
      expect((await api.get('/bulk/apps')).status).toBe(401);
      await setImmediate();
    });
  });

  test('a start that takes longer than a client waits is answered, and goes on', async () => {
    const quick = await cloud.controller(await cloud.database(), { start_wait_seconds: 0.01 });
    const eve = await quick.api.as('eve@test.dev');
    await eve.call('POST', '/apps', newApp('slow', { uris: [] }));
    await upload(eve, 'slow');
    const gate = Promise.withResolvers<void>();
    cloud.world.stage = async (app, store) => {
      await gate.promise;
      return stageAtOnce(app, store);
    };
    expect((await eve.call('PUT', '/apps/slow', { state: 'STARTED' })).status).toBe(200);
    expect(cloud.world.orders).toEqual([]);
    expect((await eve.get('/apps/slow')).body).toMatchObject({ state: 'STARTED', runningInstances: 0 });
    gate.resolve();
    await waitFor(() => cloud.world.orders.length === 2);
    expect(cloud.world.orders).toEqual(['start slow', 'updated slow']);
  });

  test('two controllers on one database start together and see each other', async () => {
    const database = await cloud.database();
    const [one, two] = await Promise.all([cloud.controller(database), cloud.controller(database)]);
    const client = await one.api.as('eve@test.dev');
    await client.call('POST', '/apps', newApp('foo', { uris: [] }));
    const other = await two.api.logIn('eve@test.dev', 'secret');
    const racing = Array.from({ length: 20 }, (_, n) =>
      (n % 2 ? client : other).call('POST', '/apps', newApp(`r${n}`, { uris: ['one.vcap.test'] })),
    );
    const statuses = (await Promise.all(racing)).map((answer) => answer.status);
    expect(statuses.filter((status) => status === 302)).toHaveLength(19);
    expect((await other.get('/apps')).body).toHaveLength(20);
    expect((await client.get('/apps/foo')).body).toEqual((await other.get('/apps/foo')).body);
  });
});

function upload(client: ApiClient, name: string, bits = 'bits') {
  const multipart = client.with({ 'content-type': 'multipart/form-data; boundary=1' });
  return multipart.call('PUT', `/apps/${name}/application`, bits);
}

function basicHeader({ user, password }: { user: string; password: string }) {
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}

async function passwordFile(cloud: TestCloud): Promise<string> {
  const { writeFile } = await import('node:fs/promises');
  const path = `${cloud.dir.path}/admin-password`;
  await writeFile(path, 'admin-pass\n');
  return path;
}
