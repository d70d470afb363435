import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { ApiClient } from '../support/client.ts';
import { dialects } from '../support/cloud.ts';
import { ServiceCloud } from '../support/service-cloud.ts';

describe.each(dialects)('services of users on %s', (dialect) => {
  let cloud: ServiceCloud;
  let ann: ApiClient;

  beforeAll(async () => {
    cloud = await ServiceCloud.start(dialect, {
      default_account_capacity: { services: 3 },
      admins: ['admin@test.dev'],
      bootstrap_admin: undefined,
    });
    await cloud.offer({ plan_options: { free: { type: 'value', description: 'Size', values: ['1', '2'] } } });
  }, 60_000);
  afterAll(() => cloud.stop());
  beforeEach(async () => {
    ann = await cloud.user();
  });
  afterEach(() => cloud.gateway.mode({}));

  const names = async () => (await ann.get('/services')).body.map(({ name }: { name: string }) => name);
  const bound = async (app: string) => {
    const { store } = cloud.controller.services;
    const user = (await ann.get('/info')).body.user as string;
    const { spaceId } = (await store.users.byEmail(user))!;
    const { guid } = (await store.apps.byName(spaceId, app))!;
    return store.services.bindings.boundTo(guid);
  };

  test('see what is offered, with tiers in order', async () => {
    expect((await cloud.controller.api.get('/info/services')).status).toBe(403);
    expect((await ann.get('/info/services')).body).toEqual({
      generic: {
        echo: {
          '1.0': {
            id: expect.any(Number),
            vendor: 'echo',
            version: '1.0',
            type: 'generic',
            provider: 'core',
            description: 'Says it again',
            tiers: {
              free: {
                options: { plan_option: { type: 'value', description: 'Size', values: ['1', '2'] } },
                order: 1,
              },
              standard: { options: {}, order: 2 },
            },
          },
        },
      },
    });
  });

  test('are created, listed, read and deleted', async () => {
    const made = await cloud.create(ann, 'db1', { options: { plan_option: '2' } });
    expect([made.status, made.body]).toEqual([200, {}]);
    const one = {
      name: 'db1',
      type: 'generic',
      vendor: 'echo',
      provider: 'core',
      version: '1.0',
      tier: 'free',
      properties: {},
      meta: {
        created: expect.any(Number),
        updated: expect.any(Number),
        tags: ['echo', 'relational'],
        version: 1,
        operation: { kind: 'provision', state: 'succeeded' },
      },
    };
    expect((await ann.get('/services')).body).toEqual([one]);
    expect((await ann.get('/services/db1')).body).toEqual(one);
    expect((await ann.get('/info')).body.usage.services).toBe(1);
    const before = (await cloud.gateway.state()).instances;
    expect((await ann.call('DELETE', '/services/db1')).body).toEqual({});
    expect((await cloud.gateway.state()).instances).toHaveLength(before.length - 1);
    expect(await names()).toEqual([]);
    expect((await ann.call('DELETE', '/services/db1')).body.code).toBe(500);
    expect((await ann.get('/services/db1')).body.code).toBe(500);
  });

  test('are refused with a reason: unknown vendor, version, plan, name and bad shapes', async () => {
    const refused = async (more: Record<string, unknown>) => {
      const { status, body } = await cloud.create(ann, 'db1', more);
      return [status, body.code, body.description];
    };
    expect(await refused({ vendor: 'oracle' })).toEqual([
      404,
      500,
      'Service not found: nobody offers oracle',
    ]);
    expect(await refused({ version: '9' })).toEqual([
      404,
      506,
      'Unsupported service version 9 of echo; there are 1.0.',
    ]);
    expect(await refused({ tier: 'gold' })).toEqual([
      400,
      100,
      'Bad request: echo has no plan gold; it has free, standard',
    ]);
    expect((await refused({ name: 'a/b' })).slice(0, 2)).toEqual([400, 100]);
    expect((await refused({ name: 5 })).slice(0, 2)).toEqual([400, 100]);
    expect((await ann.call('POST', '/services', '[]')).body.code).toBe(100);
    expect((await cloud.controller.api.call('POST', '/services', {})).body.code).toBe(200);
    expect((await cloud.gateway.state()).seen.filter((each) => each === 'provision').length).toBeLessThan(2);
  });

  test('hold the quota and the names also in a race', async () => {
    await cloud.create(ann, 'same');
    const { instances } = await cloud.gateway.state();
    const answers = await Promise.all(
      ['same', 'a', 'b', 'c', 'd', 'e'].map((name) => cloud.create(ann, name)),
    );
    const codes = answers.map(({ body }) => body.code as number | undefined);
    expect(codes.filter((code) => code === undefined)).toHaveLength(2);
    expect(codes.filter((code) => code !== undefined).every((code) => code === 504 || code === 100)).toBe(
      true,
    );
    expect(await names()).toHaveLength(3);
    // Nothing was made that was then refused.
    expect((await cloud.gateway.state()).instances).toHaveLength(instances.length + 2);
  });

  test('belong to their user alone', async () => {
    await cloud.create(ann, 'mine');
    const bob = await cloud.user();
    expect((await bob.get('/services')).body).toEqual([]);
    expect((await bob.call('DELETE', '/services/mine')).body.code).toBe(500);
    await cloud.app(bob, 'thief');
    expect((await bob.call('PUT', '/apps/thief', { services: ['mine'] })).body.code).toBe(500);
    const [made] = await cloud.controller.services.store.services.instances.listSpace(
      (await cloud.controller.services.store.users.byEmail((await ann.get('/info')).body.user))!.spaceId,
    );
    const path = `/services/v1/configurations/${made!.gatewayName}`;
    expect((await bob.call('DELETE', path)).body.code).toBe(200);
    expect((await bob.get(`${path}/snapshots`)).body.code).toBe(200);
  });

  test('are bound and unbound by the list of an app, which is then staged anew', async () => {
    await cloud.create(ann, 'db1');
    await cloud.create(ann, 'db2');
    await cloud.app(ann, 'foo', 'STARTED');
    expect((await ann.call('PUT', '/apps/foo', { services: ['db1', 'db2'] })).status).toBe(200);
    expect((await ann.get('/apps/foo')).body.services).toEqual(['db1', 'db2']);
    const [first] = await bound('foo');
    expect(first).toMatchObject({ name: 'db1', label: 'echo-1.0', vendor: 'echo', plan: 'free' });
    expect(first?.credentials['password']).toMatch(/^secret-/);
    let staged = 0;
    const { stage } = cloud.cloud.world;
    cloud.cloud.world.stage = (app, store) => {
      staged += 1;
      return stage(app, store);
    };
    await ann.call('PUT', '/apps/foo', { state: 'STOPPED' });
    // A list that is left out changes nothing.
    expect((await ann.get('/apps/foo')).body.services).toEqual(['db1', 'db2']);
    await ann.call('PUT', '/apps/foo', { state: 'STARTED' });
    expect(staged).toBe(1);
    const before = (await cloud.gateway.state()).bindings.length;
    expect((await ann.call('PUT', '/apps/foo', { services: ['db2'] })).status).toBe(200);
    expect((await ann.get('/apps/foo')).body.services).toEqual(['db2']);
    expect((await cloud.gateway.state()).bindings).toHaveLength(before - 1);
    await ann.call('PUT', '/apps/foo', { state: 'STOPPED' });
    await ann.call('PUT', '/apps/foo', { state: 'STARTED' });
    expect(staged).toBe(2);
    const unknown = await ann.call('PUT', '/apps/foo', { services: ['db2', 'no'], instances: 5 });
    expect([unknown.status, unknown.body.code]).toEqual([404, 500]);
    expect((await ann.get('/apps/foo')).body).toMatchObject({ services: ['db2'], instances: 1 });
  });

  test('come with a new app, or the app is not made', async () => {
    await cloud.create(ann, 'db1');
    const app = { name: 'foo', staging: { framework: 'node' }, services: ['db1'] };
    expect((await ann.call('POST', '/apps', app)).status).toBe(302);
    expect((await ann.get('/apps/foo')).body.services).toEqual(['db1']);
    await cloud.gateway.mode({ refuse: { on: 'bind', status: 500, code: 31001, description: 'disk full' } });
    const second = await ann.call('POST', '/apps', { ...app, name: 'bar' });
    expect([second.status, second.body]).toEqual([
      502,
      { code: 503, description: 'Unexpected response from service gateway: disk full' },
    ]);
    expect((await ann.get('/apps/bar')).status).toBe(404);
  });

  test('go with the app that they are bound to, and with their user', async () => {
    await cloud.create(ann, 'db1');
    await cloud.app(ann, 'foo');
    await ann.call('PUT', '/apps/foo', { services: ['db1'] });
    const { bindings, instances } = await cloud.gateway.state();
    expect((await ann.call('DELETE', '/apps/foo')).status).toBe(200);
    expect((await cloud.gateway.state()).bindings).toHaveLength(bindings.length - 1);
    await cloud.app(ann, 'bar');
    await ann.call('PUT', '/apps/bar', { services: ['db1'] });
    const { services } = cloud.controller;
    const user = (await ann.get('/info')).body.user as string;
    await cloud.controller.api.call('POST', '/users', { email: 'x@test.dev', password: 'y' });
    await services.store.users.create('admin@test.dev', 'x', 'admin').catch(() => undefined);
    const boss = await services.store.users.byEmail('admin@test.dev');
    const adminToken = services.settings.tokens.sign({
      userGuid: boss!.guid,
      email: boss!.email,
      passwordEpoch: boss!.passwordEpoch,
      expiresAt: Date.now() + 60_000,
    });
    const admin = cloud.controller.api.with({ authorization: adminToken });
    await cloud.gateway.mode({ refuse: { on: 'unprovision', status: 500, code: 30500, description: 'no' } });
    expect((await admin.call('DELETE', `/users/${user}`)).body.code).toBe(503);
    expect((await ann.get('/apps')).status).toBe(200);
    await cloud.gateway.mode({});
    expect((await admin.call('DELETE', `/users/${user}`)).status).toBe(204);
    const after = await cloud.gateway.state();
    expect(after.instances).toHaveLength(instances.length - 1);
    expect(after.bindings).toHaveLength(bindings.length - 1);
  });

  test('deleted while bound leave the app without them', async () => {
    await cloud.create(ann, 'db1');
    await cloud.app(ann, 'foo', 'STARTED');
    await ann.call('PUT', '/apps/foo', { services: ['db1'] });
    expect((await ann.call('DELETE', '/services/db1')).status).toBe(200);
    expect((await ann.get('/apps/foo')).body.services).toEqual([]);
    expect(await bound('foo')).toEqual([]);
    expect((await cloud.create(ann, 'db1')).status).toBe(200);
  });

  test('are made, bound by token and removed over the newer routes too', async () => {
    const prefix = '/services/v1';
    const wish = { label: 'echo-1.0', name: 'db1', plan: 'standard' };
    const made = (await ann.call('POST', `${prefix}/configurations`, wish)).body;
    expect(made).toMatchObject({
      service_id: expect.any(String),
      data: { plan: 'standard', version: '1.0' },
      credentials: { name: made.service_id },
    });
    await cloud.app(ann, 'foo');
    const { store } = cloud.controller.services;
    const user = (await store.users.byEmail((await ann.get('/info')).body.user))!;
    const app = (await store.apps.byName(user.spaceId, 'foo'))!;
    const binding = { service_id: made.service_id, app_id: app.id, binding_options: { a: 1 } };
    const token = (await ann.call('POST', `${prefix}/bindings`, binding)).body;
    expect(token).toEqual({ binding_token: expect.any(String), label: 'echo-1.0' });
    expect((await ann.call('POST', `${prefix}/bindings`, binding)).body.code).toBe(100);
    expect((await cloud.controller.api.get(`${prefix}/binding_tokens/${token.binding_token}`)).body).toEqual({
      service_id: made.service_id,
      binding_options: { a: 1 },
    });
    expect((await ann.call('DELETE', `${prefix}/bindings/${token.binding_token}`)).body).toEqual({});
    expect((await ann.call('DELETE', `${prefix}/bindings/${token.binding_token}`)).body.code).toBe(501);

    const given = (
      await ann.call('POST', `${prefix}/binding_tokens`, {
        service_id: made.service_id,
        binding_options: {},
      })
    ).body;
    const bob = await cloud.user();
    await cloud.app(bob, 'bar');
    const bobs = (await store.users.byEmail((await bob.get('/info')).body.user))!;
    const bar = (await store.apps.byName(bobs.spaceId, 'bar'))!;
    const external = { binding_token: given.binding_token, app_id: bar.guid };
    expect((await ann.call('POST', `${prefix}/bindings/external`, external)).body.code).toBe(301);
    expect((await bob.call('POST', `${prefix}/bindings/external`, external)).body).toEqual({});
    expect((await bob.get('/apps/bar')).body.services).toEqual(['db1']);
    // The list of an app is about services of one's own.
    expect((await bob.call('PUT', '/apps/bar', { services: [] })).status).toBe(200);
    expect((await bob.get('/apps/bar')).body.services).toEqual(['db1']);
    expect((await bob.call('DELETE', `${prefix}/binding_tokens/${given.binding_token}`)).body.code).toBe(200);
    expect((await ann.call('DELETE', `${prefix}/binding_tokens/${given.binding_token}`)).body).toEqual({});
    expect((await bob.get('/apps/bar')).body.services).toEqual([]);
    expect((await ann.call('DELETE', `${prefix}/configurations/${made.service_id}`)).body).toEqual({});
    expect(await names()).toEqual([]);
  });

  test('have snapshots, exports and imports by id and by alias, as the gateway answers', async () => {
    await cloud.create(ann, 'db1');
    const path = '/services/v1/configurations/db1';
    const job = (await ann.call('POST', `${path}/snapshots`)).body;
    expect(job).toMatchObject({ job_id: expect.any(String), status: 'queued' });
    expect((await ann.get(`${path}/jobs/${job.job_id}`)).body).toMatchObject({
      status: 'working',
      progress: 50,
    });
    const done = (await ann.get(`${path}/jobs/${job.job_id}`)).body;
    const { snapshot_id: id } = done.result;
    expect((await ann.get(`${path}/snapshots`)).body.snapshots).toContainEqual(done.result);
    expect((await ann.get(`${path}/snapshots/${id}`)).body.snapshot_id).toBe(id);
    const missing = await ann.get(`${path}/snapshots/none`);
    expect([missing.status, missing.body]).toEqual([404, { code: 30300, description: 'not found' }]);
    expect((await ann.get(`${path}/serialized/url/snapshots/${id}`)).body.url).toMatch(/^http/);
    expect((await ann.call('PUT', `${path}/serialized/url`, { url: 'ftp://x' })).body.code).toBe(100);
    const wish = { url: 'http://files.test/1' };
    expect((await ann.call('PUT', `${path}/serialized/url`, wish)).body.status).toBe('queued');
    const large = { data: 'AAAA'.repeat(300_000) };
    expect((await ann.call('PUT', `${path}/serialized/data`, large)).body.code).toBe(100);
    expect((await ann.call('PUT', `${path}/serialized/data`, { data: 'AAAA' })).status).toBe(200);
    expect((await cloud.gateway.state()).imported.slice(-2)).toEqual([wish, { data: 'AAAA' }]);
    expect((await ann.call('DELETE', `${path}/snapshots/${id}`)).body.status).toBe('queued');
    expect((await ann.get('/services/v1/configurations/nothing/snapshots')).body.code).toBe(500);
  });

  test('are called under the trace of the user’s call, and leave audit rows', async () => {
    const trace = 'c'.repeat(32);
    const traced = ann.with({ traceparent: `00-${trace}-${'d'.repeat(16)}-01` });
    await cloud.create(traced, 'db1');
    expect((await cloud.gateway.state()).traces.at(-1)).toBe(trace);
    await cloud.app(ann, 'foo');
    await ann.call('PUT', '/apps/foo', { services: ['db1'] });
    await ann.call('PUT', '/apps/foo', { services: [] });
    await ann.call('DELETE', '/services/db1');
    const user = (await ann.get('/info')).body.user as string;
    const types = await cloud.controller.services.store.events.typesOf(user);
    expect(types.filter((type) => type.startsWith('service.'))).toEqual([
      'service.create',
      'service.bind',
      'service.unbind',
      'service.delete',
    ]);
  });
});
