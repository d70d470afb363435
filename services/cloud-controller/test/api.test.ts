import { describe, expect, test } from '@jest/globals';
import { dialects } from './support/cloud.ts';
import { stageAtOnce } from './support/doubles.ts';
import { upload, V1 } from './support/v1.ts';

describe.each(dialects)('the v1 API on %s', (dialect) => {
  const v1 = V1.on(dialect);

  describe('info and accounts', () => {
    test('tells strangers enough to take the target, and users their limits, usage and frameworks', async () => {
      const stranger = (await v1.api.get('/info')).body;
      expect(stranger).toMatchObject({
        name: 'vcap',
        build: 2222,
        version: '0.999',
        support: expect.stringMatching(/^http/),
        isolation: 'runc',
      });
      expect(stranger.user).toBeUndefined();
      const own = (await v1.ann.get('/info')).body;
      expect(own).toMatchObject({
        user: `ann${v1.sequence}@test.dev`,
        limits: { memory: 2048, app_uris: 4, services: 16, apps: 20 },
        usage: { memory: 0, apps: 0, services: 0 },
      });
      expect(own.frameworks.node.runtimes).toEqual([v1.cloud.world.runtimes[0]]);
      expect(Object.keys(own.frameworks).toSorted()).toEqual(['node', 'standalone', 'static', 'wsgi']);
      expect(own.frameworks.node.memory).toBe(256);
    });

    test('a wrong password, a bad token and an unknown e-mail are all refused with 200', async () => {
      const wrong = await v1.api.call('POST', `/users/ann${v1.sequence}%40test.dev/tokens`, {
        password: 'no',
      });
      expect([wrong.status, wrong.body]).toEqual([
        403,
        { code: 200, description: 'Operation not permitted' },
      ]);
      expect((await v1.api.call('POST', '/users/nobody%40x.dev/tokens', { password: 'no' })).body.code).toBe(
        200,
      );
      expect((await v1.api.with({ authorization: 'x.y' }).get('/apps')).body.code).toBe(200);
    });

    test('registers an e-mail once, and never one of an administrator', async () => {
      const again = await v1.api.call('POST', '/users', {
        email: `ANN${v1.sequence}@test.dev`,
        password: 'x',
      });
      expect([again.status, again.body.code]).toEqual([400, 100]);
      expect((await v1.api.call('POST', '/users', { email: 'nonsense', password: 'x' })).body.code).toBe(100);
      expect(
        (await v1.api.call('POST', '/users', { email: 'admin@test.dev', password: 'x' })).body.code,
      ).toBe(200);
    });

    test('a password change is for oneself or by an administrator, and ends the older tokens', async () => {
      const bob = await v1.api.as(`bob${v1.sequence}@test.dev`);
      const path = `/users/ann${v1.sequence}%40test.dev`;
      expect((await bob.call('PUT', path, { password: 'stolen' })).body.code).toBe(200);
      expect((await v1.ann.call('PUT', path, { password: 'new one' })).status).toBe(204);
      expect((await v1.ann.get('/apps')).status).toBe(403);
      const again = await v1.api.logIn(`ann${v1.sequence}@test.dev`, 'new one');
      expect((await again.get('/apps')).status).toBe(200);
      expect((await (await v1.admin()).call('PUT', path, { password: 'reset' })).status).toBe(204);
      expect((await again.get('/apps')).status).toBe(403);
    });

    test('administrators list and delete users, act for them, and others do not', async () => {
      await v1.started('mine');
      const boss = await v1.admin();
      expect((await v1.ann.get('/users')).status).toBe(403);
      const list = (await boss.get('/users')).body;
      expect(list).toContainEqual({
        email: `ann${v1.sequence}@test.dev`,
        admin: false,
        apps: [{ name: 'mine', state: 'STARTED' }],
      });
      const proxied = boss.with({ 'proxy-user': `ann${v1.sequence}@test.dev` });
      expect((await proxied.get('/apps')).body.map((app: { name: string }) => app.name)).toEqual(['mine']);
      expect((await boss.with({ 'proxy-user': 'no@x.dev' }).get('/apps')).body.code).toBe(201);
      expect((await v1.ann.with({ 'proxy-user': 'admin@test.dev' }).get('/apps')).body.code).toBe(200);
      expect((await boss.call('DELETE', `/users/ann${v1.sequence}@test.dev`)).status).toBe(204);
      expect(v1.cloud.world.orders).toEqual(['stop mine', 'updated mine', 'bits-deleted']);
      expect((await v1.ann.get('/apps')).status).toBe(403);
    });

    test('answers unknown routes 404 and unparsable bodies 100, each with its trace id', async () => {
      const unknown = await v1.ann.get('/no/such');
      expect(unknown.status).toBe(404);
      const bad = await v1.ann
        .with({ traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` })
        .call('POST', '/apps', '{');
      expect([bad.status, bad.body.code]).toEqual([400, 100]);
      expect(bad.headers.get('x-vcap-request-id')).toBe('a'.repeat(32));
      expect((await v1.ann.call('GET', '/apps/%ZZ')).body.code).toBe(100);
    });
  });

  describe('apps', () => {
    test('are created with a redirect and read back whole', async () => {
      const made = await v1.ann.call('POST', '/apps', v1.newApp('foo', { env: ['A=1', 'A=1', 'B=x=y'] }));
      expect(made.status).toBe(302);
      expect(made.headers.get('location')).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/apps\/foo$/);
      expect(made.body).toEqual({ result: 'success', redirect: made.headers.get('location') });
      const app = (await v1.ann.get('/apps/foo')).body;
      expect(app).toMatchObject({
        name: 'foo',
        staging: { model: 'node', stack: 'node24' },
        uris: [`foo-${v1.sequence}.vcap.test`],
        instances: 1,
        runningInstances: 0,
        resources: { memory: 64, disk: 2048, fds: 256 },
        state: 'STOPPED',
        services: [],
        env: ['A=1', 'B=x=y'],
        meta: { debug: null, console: false, version: 1 },
      });
      expect((await v1.ann.get('/apps')).body).toEqual([{ ...app, runningInstances: null }]);
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
      const answer = await v1.ann.call('POST', '/apps', v1.newApp('bad', change));
      expect([answer.status, answer.body.code]).toEqual([status, code]);
      expect((await v1.ann.get('/apps')).body).toEqual([]);
    });

    test('share a URL within one account, not between two', async () => {
      const uris = [`HTTP://Shared-${v1.sequence}.vcap.test:8080/path`];
      await v1.ann.call('POST', '/apps', v1.newApp('one', { uris }));
      await v1.ann.call('POST', '/apps', v1.newApp('two', { uris }));
      expect((await v1.ann.get('/apps/two')).body.uris).toEqual([`shared-${v1.sequence}.vcap.test`]);
      const bob = await v1.api.as(`bob${v1.sequence}@test.dev`);
      const taken = await bob.call('POST', '/apps', v1.newApp('thief', { uris }));
      expect([taken.status, taken.body.code]).toEqual([400, 701]);
      expect((await bob.get('/apps/one')).body.code).toBe(301);
      await v1.ann.call('DELETE', '/apps/one');
      await v1.ann.call('PUT', '/apps/two', { uris: [] });
      expect((await bob.call('POST', '/apps', v1.newApp('heir', { uris }))).status).toBe(302);
    });

    test('of one name: the second is refused, also when both come at once', async () => {
      const answers = await Promise.all(
        [1, 2, 3].map(() => v1.ann.call('POST', '/apps', v1.newApp('twin', { uris: [] }))),
      );
      expect(answers.map((answer) => answer.status).sort((a, b) => a - b)).toEqual([302, 400, 400]);
    });

    test('stage and start, scale by the difference, follow their URLs, and stop', async () => {
      await v1.ann.call('POST', '/apps', v1.newApp('foo'));
      await upload(v1.ann, 'foo');
      const before = (await v1.ann.get('/apps/foo')).body.version;
      expect((await v1.ann.call('PUT', '/apps/foo', { state: 'STARTED' })).text).toBe(' ');
      expect(v1.cloud.world.orders.splice(0)).toEqual(['start foo', 'updated foo']);
      const app = (await v1.ann.get('/apps/foo')).body;
      expect(app.state).toBe('STARTED');
      expect(app.version).not.toBe(before);
      await v1.ann.call('PUT', '/apps/foo', { instances: 3 });
      expect(v1.cloud.world.orders.splice(0)).toEqual(['start foo 1,2', 'updated foo']);
      await v1.ann.call('PUT', '/apps/foo', {
        instances: 2,
        uris: ['b.vcap.test', `a-${v1.sequence}.vcap.test`],
      });
      expect(v1.cloud.world.orders.splice(0)).toEqual([
        `uris[a-${v1.sequence}.vcap.test,b.vcap.test] foo`,
        'stop foo 2',
        'updated foo',
      ]);
      await v1.ann.call('PUT', '/apps/foo', { state: 'STOPPED', uris: [] });
      expect(v1.cloud.world.orders.splice(0)).toEqual(['stop foo', 'updated foo']);
      expect((await v1.ann.get('/apps/foo')).body.version).toBe(app.version);
    });

    test('change only under the version their reader saw', async () => {
      await v1.ann.call('POST', '/apps', v1.newApp('foo'));
      expect((await v1.ann.call('PUT', '/apps/foo', { instances: 2, meta: { version: 1 } })).status).toBe(
        200,
      );
      const late = await v1.ann.call('PUT', '/apps/foo', { instances: 3, meta: { version: 1 } });
      expect([late.status, late.body.code]).toEqual([400, 102]);
      expect((await v1.ann.get('/apps/foo')).body).toMatchObject({ instances: 2, meta: { version: 2 } });
    });

    test('keep to the memory and number of the account', async () => {
      await v1.started('big', { resources: { memory: 1024 } });
      const over = await v1.ann.call('PUT', '/apps/big', { instances: 3 });
      expect([over.status, over.body]).toEqual([
        403,
        { code: 600, description: "Not enough memory capacity, you're allowed: 2048M" },
      ]);
      expect((await v1.ann.get('/apps/big')).body.instances).toBe(1);
      expect((await v1.ann.get('/info')).body.usage).toMatchObject({ memory: 1024, apps: 1 });
      const many = Array.from({ length: 22 }, (_, n) =>
        v1.ann.call('POST', '/apps', v1.newApp(`a${n}`, { uris: [] })),
      );
      const codes = (await Promise.all(many)).map((answer) => answer.status);
      expect(codes.filter((status) => status === 302)).toHaveLength(19);
      expect((await v1.ann.call('POST', '/apps', v1.newApp('more', { uris: [] }))).body.code).toBe(601);
    });

    test('whose staging fails are stopped again and say why', async () => {
      await v1.ann.call('POST', '/apps', v1.newApp('foo'));
      await upload(v1.ann, 'foo');
      v1.cloud.world.stage = async () => ({ ok: false, message: 'no package.json' });
      const failed = await v1.ann.call('PUT', '/apps/foo', { state: 'STARTED' });
      expect([failed.status, failed.body]).toEqual([
        500,
        { code: 310, description: "Staging failed: 'no package.json'" },
      ]);
      expect((await v1.ann.get('/apps/foo')).body.state).toBe('STOPPED');
      expect(v1.cloud.world.orders).toEqual(['updated foo']);
      v1.cloud.world.stage = stageAtOnce;
      expect((await v1.ann.call('PUT', '/apps/foo', { state: 'STARTED' })).status).toBe(200);
    });

    test('stopped while they are staged do not start afterwards', async () => {
      await v1.ann.call('POST', '/apps', v1.newApp('foo'));
      await upload(v1.ann, 'foo');
      const gate = Promise.withResolvers<void>();
      const reached = Promise.withResolvers<void>();
      v1.cloud.world.stage = async (app, store) => {
        reached.resolve();
        await gate.promise;
        return stageAtOnce(app, store);
      };
      const start = v1.ann.call('PUT', '/apps/foo', { state: 'STARTED' });
      await reached.promise;
      await v1.ann.call('PUT', '/apps/foo', { state: 'STOPPED' });
      gate.resolve();
      expect((await start).status).toBe(200);
      expect(v1.cloud.world.orders).toEqual(['stop foo', 'updated foo']);
    });

    test('with new bits are restarted by PUT update, under a new version', async () => {
      await v1.started('foo');
      const { version } = (await v1.ann.get('/apps/foo')).body;
      await upload(v1.ann, 'foo', 'other bits');
      expect((await v1.ann.get('/apps/foo/update')).body.state).toBe('UPDATING');
      expect((await v1.ann.call('PUT', '/apps/foo/update')).status).toBe(204);
      expect(v1.cloud.world.orders).toEqual(['stop foo 0', 'start foo', 'updated foo']);
      expect((await v1.ann.get('/apps/foo')).body.version).not.toBe(version);
      v1.cloud.world.running = 1;
      expect((await v1.ann.get('/apps/foo/update')).body.state).toBe('SUCCEEDED');
      await v1.ann.call('PUT', '/apps/foo', { state: 'STOPPED' });
      expect((await v1.ann.call('PUT', '/apps/foo/update')).body.code).toBe(305);
    });

    test('are deleted with their bits, after which the name is free', async () => {
      await v1.started('foo');
      expect((await v1.ann.call('DELETE', '/apps/foo')).status).toBe(200);
      expect(v1.cloud.world.orders).toEqual(['stop foo', 'updated foo', 'bits-deleted']);
      expect((await v1.ann.get('/apps/foo')).body.code).toBe(301);
      expect((await v1.ann.call('POST', '/apps', v1.newApp('foo'))).status).toBe(302);
    });
  });
});
