import { describe, expect, test } from '@jest/globals';
import { bulkCredentials } from '@vcap/bus';
import { waitFor } from '@vcap/testkit';
import { dialects } from './support/cloud.ts';
import { stageAtOnce } from './support/doubles.ts';
import { upload, V1 } from './support/v1.ts';

describe.each(dialects)('instances, components and several controllers on %s', (dialect) => {
  const v1 = V1.on(dialect);

  describe('instances and files', () => {
    test('are empty for a stopped app and asked for a started one', async () => {
      await v1.ann.call('POST', '/apps', v1.newApp('foo'));
      expect((await v1.ann.get('/apps/foo/instances')).body).toEqual({ instances: [] });
      expect((await v1.ann.get('/apps/foo/stats')).body).toEqual({});
      expect((await v1.ann.get('/apps/foo/instances/0/files')).body.code).toBe(305);
      await v1.started('bar', { uris: [] });
      v1.cloud.world.views = [{ index: 0, state: 'RUNNING', since: 1 }];
      expect((await v1.ann.get('/apps/bar/instances')).body).toEqual({ instances: v1.cloud.world.views });
      expect((await v1.ann.get('/apps/bar/stats')).body).toEqual({ 0: { state: 'RUNNING' } });
      expect((await v1.ann.get('/apps/bar/crashes')).body).toEqual({
        crashes: [{ instance: 'abc', since: 5 }],
      });
      expect((await v1.ann.get('/apps/bar/instances/1/files')).body.code).toBe(304);
    });

    test('take paths with encoded slashes, instance ids and ranges', async () => {
      await v1.started('foo');
      v1.cloud.world.openedPaths.length = 0;
      expect((await v1.ann.get('/apps/foo/instances/0/files/%2Flogs%2Fstdout.log')).text).toBe('data');
      await v1.ann.get('/apps/foo/instances/0/files/logs/a%20b');
      await v1.ann.get('/apps/foo/instances/0/files');
      const tail = await v1.ann.with({ range: 'bytes=2-' }).get('/apps/foo/instances/abcdef/files/x');
      expect(tail.status).toBe(206);
      expect(v1.cloud.world.openedPaths).toEqual([
        '{"index":0} /logs/stdout.log',
        '{"index":0} /logs/a b',
        '{"index":0} /',
        '{"instanceId":"abcdef"} /x bytes=2-',
      ]);
      expect((await v1.ann.get('/apps/foo/instances/0/files/missing')).status).toBe(404);
      const log = await v1.ann.get('/apps/foo/staging/log?offset=4');
      expect([log.text, log.headers.get('x-staging-complete')]).toEqual(['text', 'true']);
    });

    test('bits come back as uploaded, and resources are matched in lists of thousands', async () => {
      await v1.ann.call('POST', '/apps', v1.newApp('foo'));
      expect((await v1.ann.get('/apps/foo/application')).body.code).toBe(301);
      expect((await v1.ann.get('/apps/foo/staging/log')).body.code).toBe(303);
      await upload(v1.ann, 'foo', 'zip zip');
      expect((await v1.ann.get('/apps/foo/application')).text).toBe('zip zip');
      const list = Array.from({ length: 10_000 }, (_, n) => ({
        fn: `/f${n}`,
        size: n,
        sha1: 'a'.repeat(40),
        extra: n,
      }));
      const matched = await v1.ann.call('POST', '/resources', list);
      expect(matched.body).toEqual(list.slice(2));
      expect((await v1.ann.call('POST', '/resources', [{ fn: 'x', size: 1, sha1: 'zz' }])).status).toBe(400);
    });
  });

  describe('the routes of components', () => {
    test('give the package to a stager and take its droplet once', async () => {
      await v1.started('foo');
      const { store, settings } = v1.controller.services;
      const user = await store.users.byEmail(`ann${v1.sequence}@test.dev`);
      const app = await store.apps.byName(user?.spaceId ?? 0, 'foo');
      const guid = app?.guid ?? '';
      expect((await v1.api.get(`/staging/apps/${guid}`)).status).toBe(401);
      expect((await v1.api.with(basicHeader(settings.stagingAuth)).get(`/staging/apps/${guid}`)).text).toBe(
        'bits',
      );
      await store.uploadTokens.putUploadToken('once', guid, Date.now() + 60_000);
      await store.uploadTokens.putUploadToken('old', guid, Date.now() - 1);
      const send = (token: string) =>
        v1.api
          .with({ 'content-type': 'multipart/form-data; boundary=1' })
          .call('POST', `/staging/droplets/${guid}/upload?token=${token}`, 'droplet');
      expect((await send('wrong')).status).toBe(403);
      expect((await send('old')).status).toBe(403);
      expect((await send('once')).status).toBe(200);
      expect((await send('once')).status).toBe(403);
      expect((await v1.api.get(`/staged_droplets/${guid}/${app?.dropletHash}`)).text).toBe('droplet');
      expect((await v1.api.get(`/staged_droplets/${guid}/${'0'.repeat(40)}`)).body.code).toBe(301);
    });

    test('take an order to start an instance once, whichever controller it comes to', async () => {
      const { startOrders } = v1.controller.services.store;
      const order = { app: `orders-${v1.sequence}`, version: 'v1', index: 0, after: 'i-1' };
      const take = (lifeMs: number) => startOrders.takeStartOrder(order, lifeMs);
      const taken = await Promise.all(Array.from({ length: 10 }, () => take(60_000)));
      expect(taken.filter(Boolean)).toHaveLength(1);
      expect(await startOrders.takeStartOrder({ ...order, after: 'i-2' }, 0)).toBe(true);
      expect(await startOrders.takeStartOrder({ ...order, after: 'i-2' }, 60_000)).toBe(true);
      await startOrders.giveBackStartOrder(order);
      expect(await take(60_000)).toBe(true);
      expect(await take(60_000)).toBe(false);
    });

    test('walk all apps in pages, with credentials that the bus tells', async () => {
      await v1.started('foo');
      await v1.ann.call('POST', '/apps', v1.newApp('bar', { uris: [] }));
      const bus = await v1.cloud.bus('health-manager');
      const [credentials] = await bus.request(bulkCredentials.for('default'), {}, { timeoutMs: 2000 });
      await bus.stop();
      if (!credentials) throw new Error('nobody answered');
      const bulk = v1.api.with(basicHeader(credentials));
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
      expect((await v1.api.get('/bulk/apps')).status).toBe(401);
    });
  });

  test('a start that takes longer than a client waits is answered, and goes on', async () => {
    const quick = await v1.cloud.controller(await v1.cloud.database(), { start_wait_seconds: 0.01 });
    const eve = await quick.api.as('eve@test.dev');
    await eve.call('POST', '/apps', v1.newApp('slow', { uris: [] }));
    await upload(eve, 'slow');
    const gate = Promise.withResolvers<void>();
    v1.cloud.world.stage = async (app, store) => {
      await gate.promise;
      return stageAtOnce(app, store);
    };
    expect((await eve.call('PUT', '/apps/slow', { state: 'STARTED' })).status).toBe(200);
    expect(v1.cloud.world.orders).toEqual([]);
    expect((await eve.get('/apps/slow')).body).toMatchObject({ state: 'STARTED', runningInstances: 0 });
    gate.resolve();
    await waitFor(() => v1.cloud.world.orders.length === 2);
    expect(v1.cloud.world.orders).toEqual(['start slow', 'updated slow']);
  });

  test('two controllers on one database start together and see each other', async () => {
    const database = await v1.cloud.database();
    const [one, two] = await Promise.all([v1.cloud.controller(database), v1.cloud.controller(database)]);
    const client = await one.api.as('eve@test.dev');
    await client.call('POST', '/apps', v1.newApp('foo', { uris: [] }));
    const other = await two.api.logIn('eve@test.dev', 'secret');
    const racing = Array.from({ length: 20 }, (_, n) =>
      (n % 2 ? client : other).call('POST', '/apps', v1.newApp(`r${n}`, { uris: ['one.vcap.test'] })),
    );
    const statuses = (await Promise.all(racing)).map((answer) => answer.status);
    expect(statuses.filter((status) => status === 302)).toHaveLength(19);
    expect((await other.get('/apps')).body).toHaveLength(20);
    expect((await client.get('/apps/foo')).body).toEqual((await other.get('/apps/foo')).body);
  });
});

function basicHeader({ user, password }: { user: string; password: string }) {
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}
