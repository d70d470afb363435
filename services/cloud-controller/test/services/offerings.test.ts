import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '@vcap/clock';
import { openDatabase } from '../../src/db/open.ts';
import { dialects } from '../support/cloud.ts';
import { brokerToken, ServiceCloud } from '../support/service-cloud.ts';

const path = '/services/v1/offerings';

describe.each(dialects)('what gateways tell, on %s', (dialect) => {
  let cloud: ServiceCloud;
  beforeAll(async () => {
    cloud = await ServiceCloud.start(dialect, {
      builtin_services: {
        echo: { token: 'the token of echo' },
        multi: [{ token: 'one' }, { token: 'two', provider: 'acme' }],
      },
    });
  }, 60_000);
  afterAll(() => cloud.stop());
  const as = (token: string) => cloud.controller.api.with({ 'x-vcap-service-token': token });
  const broker = () => as(brokerToken);
  const offer = (label: string, more: Record<string, unknown> = {}) => ({
    label,
    url: cloud.gateway.url,
    plans: ['free'],
    ...more,
  });
  const seen = async (email?: string) => {
    const client = email === undefined ? await cloud.user() : await cloud.controller.api.as(email);
    return (await client.get('/info/services')).body;
  };

  test('is refused without the right token, and in wrong shapes', async () => {
    const { api } = cloud.controller;
    expect((await api.call('POST', path, offer('echo-1.0'))).body.code).toBe(200);
    for (const token of ['wrong', brokerToken, 'one']) {
      expect((await as(token).call('POST', path, offer('echo-1.0'))).body.code).toBe(200);
    }
    expect((await as('two').call('POST', path, offer('multi-1'))).body.code).toBe(200);
    expect((await as('two').call('POST', path, offer('multi-1', { provider: 'acme' }))).status).toBe(200);
    for (const bad of [
      offer('echo'),
      offer('echo-1.0', { url: 'ftp://x' }),
      offer('echo-1.0', { timeout: -1 }),
      {},
    ]) {
      expect((await cloud.asGateway.call('POST', path, bad)).body.code).toBe(100);
    }
    expect((await cloud.asGateway.call('POST', path, '{')).body.code).toBe(100);
    expect((await cloud.asGateway.get(`${path}/echo-1.0/handles`)).body.code).toBe(500);
    expect((await api.get(`${path}/echo-1.0/handles`)).body.code).toBe(200);
    expect((await as('one').get(`${path}/echo-1.0/handles`)).body.code).toBe(200);
  });

  test('is read back, updated whole and removed', async () => {
    const full = {
      label: 'echo-1.0',
      url: cloud.gateway.url,
      description: 'Says it again',
      tags: ['a'],
      plans: ['big', 'free'],
      acls: { users: ['ann@test.dev'], wildcards: [] },
      timeout: 7,
      active: true,
      version_aliases: { current: '1.0' },
      supported_versions: ['1.0'],
    };
    expect((await cloud.asGateway.call('POST', path, full)).body).toEqual({});
    expect((await cloud.asGateway.get(`${path}/echo-1.0`)).body).toEqual({ ...full, provider: 'core' });
    await cloud.offer();
    const again = (await cloud.asGateway.get(`${path}/echo-1.0/core`)).body;
    expect(again).toMatchObject({ plans: ['free', 'standard'], tags: ['echo', 'relational'] });
    expect(again.acls).toBeUndefined();
    expect(again.timeout).toBeUndefined();
    expect((await cloud.asGateway.call('DELETE', `${path}/echo-1.0`)).body).toEqual({});
    expect((await cloud.asGateway.get(`${path}/echo-1.0`)).body.code).toBe(500);
  });

  test('is seen as its access lists say', async () => {
    await cloud.offer({
      acls: {
        users: ['in@test.dev'],
        wildcards: ['*@corp.dev'],
        plans: { standard: { users: ['in@test.dev'] } },
      },
    });
    const tiers = async (email: string) =>
      Object.keys((await seen(email)).generic?.echo?.['1.0'].tiers ?? {});
    expect(await tiers('in@test.dev')).toEqual(['free', 'standard']);
    expect(await tiers('any@corp.dev')).toEqual(['free']);
    expect(await tiers('out@test.dev')).toEqual([]);
    const out = await cloud.controller.api.as('out@test.dev');
    expect((await cloud.create(out, 'db1')).body.code).toBe(500);
    const corp = await cloud.controller.api.as('any@corp.dev');
    expect((await cloud.create(corp, 'db1', { tier: 'standard' })).body.code).toBe(100);
    expect((await cloud.create(corp, 'db1')).status).toBe(200);
    await corp.call('DELETE', '/services/db1');
  });

  test('is seen by the organizations alone that it is shown to, when it is not public', async () => {
    await cloud.offer();
    const { store, clock, config } = cloud.controller.services;
    const database = openDatabase(config.database, clock);
    const [offering] = await store.offerings.list();
    const plan = offering!.plans.find(({ name }) => name === 'standard')!;
    const [inside, outside] = [await cloud.user(), await cloud.user()];
    const { user: email } = (await inside.get('/info')).body;
    const { organizationId } = (await store.users.byEmail(email))!;
    await database.db.updateTable('service_plans').set({ public: 0 }).where('id', '=', plan.id).execute();
    await database.db
      .insertInto('service_plan_visibilities')
      .values({
        guid: 'v',
        service_plan_id: plan.id,
        organization_id: organizationId,
        created_at: clock.now(),
      })
      .execute();
    const tiers = async (client: typeof inside) =>
      Object.keys((await client.get('/info/services')).body.generic.echo['1.0'].tiers);
    // What its gateway tells again leaves this as it is.
    await cloud.offer();
    expect(await tiers(inside)).toEqual(['free', 'standard']);
    expect(await tiers(outside)).toEqual(['free']);
    expect((await cloud.create(outside, 'db1', { tier: 'standard' })).body.code).toBe(100);
    await database.db.updateTable('service_plans').set({ public: 1 }).execute();
    await database.close();
  });

  test('is not seen when inactive or without plans, but what there is of it works on', async () => {
    await cloud.offer();
    const user = await cloud.user();
    await cloud.create(user, 'db1', { tier: 'standard' });
    for (const more of [{ active: false }, { plans: [] }]) {
      await cloud.offer(more);
      expect((await seen()).generic?.echo).toBeUndefined();
      expect((await cloud.create(user, 'db2')).body.code).toBe(500);
    }
    expect((await user.get('/services')).body).toMatchObject([{ name: 'db1', tier: 'standard' }]);
    await cloud.app(user, 'foo');
    expect((await user.call('PUT', '/apps/foo', { services: ['db1'] })).status).toBe(200);
    await cloud.offer({ plans: ['free'] });
    expect(Object.keys((await seen()).generic.echo['1.0'].tiers)).toEqual(['free']);
    expect((await user.call('DELETE', '/services/db1')).status).toBe(200);
  });

  test('may have several versions, aliases, and plans told with details', async () => {
    await cloud.offer({
      label: 'echo-2',
      plans: null,
      plan_details: [
        { name: 'small', free: true, unique_id: 'u-small', description: 'little' },
        { name: 'huge', free: false },
      ],
      supported_versions: ['2', '3'],
      version_aliases: { current: '3', next: '3' },
    });
    const user = await cloud.user();
    const versions = (await user.get('/info/services')).body.generic.echo;
    expect(Object.keys(versions)).toEqual(expect.arrayContaining(['2', '3']));
    expect((await cloud.create(user, 'a', { version: 'next' })).status).toBe(200);
    expect((await user.get('/services/a')).body).toMatchObject({ version: '3', tier: 'small' });
    expect((await cloud.create(user, 'b', { version: '4' })).body.code).toBe(506);
    await cloud.asGateway.call('DELETE', `${path}/echo-2`);
    expect((await user.get('/services')).body).toEqual([]);
  });

  test('has all handles, instances first, page after page, and takes changed ones', async () => {
    await cloud.offer();
    const user = await cloud.user();
    for (const name of ['a', 'b', 'c']) await cloud.create(user, name);
    await cloud.app(user, 'foo');
    await user.call('PUT', '/apps/foo', { services: ['b'] });
    const { handles } = (await cloud.asGateway.get(`${path}/echo-1.0/handles`)).body;
    expect(handles).toHaveLength(4);
    expect(handles[0]).toEqual({
      service_id: handles[0].credentials.name,
      configuration: { plan: 'free', version: '1.0' },
      credentials: { name: expect.any(String), host: '127.0.0.1', port: 3306, node_id: 'n0' },
    });
    expect(handles[3].credentials.password).toBeDefined();
    for (const index of [0, 3]) {
      const { service_id: id } = handles[index];
      const moved = { service_id: id, configuration: { x: 1 }, credentials: { name: 'n', host: 'moved' } };
      expect((await cloud.asGateway.call('POST', `${path}/echo-1.0/handles/any`, moved)).body).toEqual({});
      const after = (await cloud.asGateway.get(`${path}/echo-1.0/core/handles`)).body.handles;
      expect(after[index]).toEqual(moved);
    }
    const none = { service_id: 'none', configuration: {}, credentials: {} };
    expect((await cloud.asGateway.call('POST', `${path}/echo-1.0/handles/none`, none)).body.code).toBe(501);
  });

  test('may come from a broker: any label that nobody has, listed by its token', async () => {
    const acls = { users: [], wildcards: ['*@test.dev'] };
    const offered = offer('hr_db_rw-2.0', { plans: ['default'], description: 'HR', acls });
    expect((await as('guess').call('POST', path, offered)).body.code).toBe(200);
    expect((await broker().call('POST', path, offered)).status).toBe(200);
    expect((await as('guess').call('POST', path, offered)).body.code).toBe(200);
    expect((await cloud.asGateway.get('/brokered_services/poc/offerings')).body.code).toBe(200);
    expect((await broker().get('/brokered_services/poc/offerings')).body).toEqual({
      brokered_services: [{ label: 'hr_db_rw-2.0', description: 'HR', acls }],
    });
    expect((await broker().call('DELETE', `${path}/hr_db_rw-2.0`)).status).toBe(200);
    expect((await broker().call('POST', path, offered)).status).toBe(200);
    expect((await seen()).generic.hr_db_rw['2.0'].tiers).toEqual({ default: { options: {}, order: 1 } });
  });

  test('keeps credentials and tokens sealed in the database', async () => {
    const user = await cloud.user();
    await cloud.create(user, 'sealed');
    const { settings } = cloud.controller.services;
    const database = openDatabase(cloud.controller.services.config.database, systemClock);
    const raw = JSON.stringify([
      await database.db.selectFrom('service_instances').selectAll().execute(),
      await database.db.selectFrom('service_auth_tokens').selectAll().execute(),
    ]);
    await database.close();
    expect(raw).toMatch(/sealed/);
    expect(raw).not.toMatch(/127\.0\.0\.1|token of/);
    const sealed = settings.box.seal('x');
    expect(settings.box.open(sealed)).toBe('x');
    expect(() => settings.box.open(`${sealed.slice(0, -6)}AAAA==`)).toThrow(/authenticate/);
  });
});
