import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { waitFor } from '@vcap/testkit';
import type { ApiClient } from '../support/client.ts';
import { dialects } from '../support/cloud.ts';
import { ServiceCloud } from '../support/service-cloud.ts';

describe.each(dialects)('gateways that misbehave, on %s', (dialect) => {
  let cloud: ServiceCloud;
  let ann: ApiClient;

  beforeAll(async () => {
    cloud = await ServiceCloud.start(dialect);
    await cloud.offer();
  }, 60_000);
  afterAll(() => cloud.stop());
  beforeEach(async () => {
    ann = await cloud.user();
  });
  afterEach(() => cloud.gateway.mode({}));

  /** What happens while the gateway takes longer than it may; afterwards it answers at once, and may be slow again. */
  const whileLate = async (work: () => Promise<void>): Promise<void> => {
    await cloud.offer({ timeout: 2 });
    await cloud.gateway.mode({ hold: true });
    await work();
    await cloud.gateway.mode({});
    await cloud.offer();
  };

  const store = () => cloud.controller.services.store.services;
  const user = async () => {
    const email = (await ann.get('/info')).body.user as string;
    return (await cloud.controller.services.store.users.byEmail(email))!;
  };
  const listed = async () => (await ann.get('/services')).body.map(({ name }: { name: string }) => name);
  const counts = async () => {
    const { instances, bindings } = await cloud.gateway.state();
    return { instances: instances.length, bindings: bindings.length };
  };
  /** Makes all operations due, as time would. */
  const timePasses = () =>
    cloud.controller.services.store.services.operations.makeAllDue(cloud.controller.services.clock.now() - 1);

  describe('a creation', () => {
    test('that is refused leaves nothing, and says why', async () => {
      const before = await counts();
      await cloud.gateway.mode({
        refuse: { on: 'provision', status: 500, code: 30500, description: 'no room' },
      });
      expect((await cloud.create(ann, 'db1')).body).toEqual({
        code: 503,
        description: 'Unexpected response from service gateway: no room',
      });
      expect(await listed()).toEqual([]);
      expect(await counts()).toEqual(before);
      await cloud.gateway.mode({});
      expect((await cloud.create(ann, 'db1')).status).toBe(200);
    });

    test('that is answered too late is given up, and what came of it removed; the name is free at once', async () => {
      const before = await counts();
      await whileLate(async () => {
        expect((await cloud.create(ann, 'db1')).body.code).toBe(503);
        expect((await counts()).instances).toBe(before.instances + 1);
      });
      expect((await cloud.create(ann, 'db1')).status).toBe(200);
      await waitFor(async () => (await counts()).instances === before.instances + 1, { timeoutMs: 20_000 });
      expect(await listed()).toEqual(['db1']);
      // The one that stayed is the one that was acknowledged.
      const kept = await store().instances.byName((await user()).spaceId, 'db1');
      expect((await cloud.gateway.state()).instances).toContain(kept?.gatewayName);
    });

    test('that is answered with nonsense is undone where the answer names what was made', async () => {
      const before = await counts();
      await cloud.gateway.mode({ garbage: 'no-credentials' });
      expect((await cloud.create(ann, 'db1')).body.code).toBe(503);
      expect(await counts()).toEqual(before);
      expect(await listed()).toEqual([]);
    });

    test.each([{ garbage: 'text' }, { cut: true }])(
      'whose outcome nobody can know (%j) touches nothing that others have',
      async (mode) => {
        await cloud.create(ann, 'other');
        const { instances } = await cloud.gateway.state();
        await cloud.gateway.mode(mode);
        expect((await cloud.create(ann, 'db1')).body.code).toBe(503);
        expect(await listed()).toEqual(['other']);
        // No handle of it exists: the gateway's own check for orphans finds it.
        expect((await cloud.gateway.state()).instances).toEqual(expect.arrayContaining(instances));
        const { handles } = (await cloud.asGateway.get('/services/v1/offerings/echo-1.0/handles')).body;
        const known = handles.map((handle: { service_id: string }) => handle.service_id);
        const orphans = (await cloud.gateway.state()).instances.filter((id) => !known.includes(id));
        expect(orphans.length).toBeGreaterThan(0);
        expect(instances.filter((id) => orphans.includes(id))).not.toContain(instances.at(-1));
      },
    );

    test('that is deleted while it is made is undone when it is there', async () => {
      const before = await counts();
      await cloud.gateway.mode({ hold: true });
      const creation = cloud.create(ann, 'db1');
      await waitFor(async () => (await counts()).instances === before.instances + 1);
      expect((await ann.call('DELETE', '/services/db1')).status).toBe(200);
      await cloud.gateway.mode({});
      expect((await creation).body.code).toBe(500);
      await waitFor(async () => (await counts()).instances === before.instances);
      expect(await listed()).toEqual([]);
    });

    test('that another controller took for dead is undone when it is made after all', async () => {
      const before = await counts();
      await cloud.gateway.mode({ hold: true });
      const creation = cloud.create(ann, 'db1');
      await waitFor(async () => (await counts()).instances === before.instances + 1);
      await timePasses();
      await cloud.janitor();
      expect(await listed()).toEqual([]);
      await cloud.gateway.mode({});
      expect((await creation).body.code).toBe(500);
      expect(await counts()).toEqual(before);
    });

    test('of a controller that died is ended by another', async () => {
      const owner = await user();
      const [offering] = await cloud.controller.services.store.offerings.list();
      const instance = await store().instances.insert({
        name: 'db1',
        spaceId: owner.spaceId,
        planId: offering!.plans[0]!.id,
        version: '1.0',
        planOption: null,
      });
      await store().operations.begin({
        kind: 'provision',
        actor: owner.email,
        target: 'db1',
        traceId: 't',
        spaceId: owner.spaceId,
        instanceId: instance.id,
        dueAt: 1,
      });
      await cloud.app(ann, 'foo');
      expect((await ann.call('PUT', '/apps/foo', { services: ['db1'] })).body.description).toMatch(
        /still being created/,
      );
      await Promise.all([cloud.janitor(), cloud.janitor()]);
      expect(await listed()).toEqual([]);
      expect((await store().operations.latest([instance.id])).get(instance.id)).toMatchObject({
        state: 'failed',
        reason: expect.stringMatching(/went away/),
      });
    });
  });

  describe('a deletion', () => {
    beforeEach(async () => {
      await cloud.create(ann, 'db1');
    });

    test('that is not confirmed is told, and repeated until it is', async () => {
      const before = await counts();
      await cloud.gateway.mode({
        refuse: { on: 'unprovision', status: 500, code: 30500, description: 'node is down' },
      });
      expect((await ann.call('DELETE', '/services/db1')).body.code).toBe(503);
      expect((await ann.get('/services/db1')).body.meta.operation).toEqual({
        kind: 'unprovision',
        state: 'failed',
        reason: 'node is down',
      });
      await cloud.janitor();
      expect(await counts()).toEqual(before);
      await timePasses();
      await cloud.janitor();
      expect(await listed()).toEqual(['db1']);
      await cloud.gateway.mode({});
      await timePasses();
      await cloud.janitor();
      expect(await listed()).toEqual([]);
      expect((await counts()).instances).toBe(before.instances - 1);
    });

    test('of what the gateway does not know any more is done', async () => {
      await cloud.gateway.mode({
        refuse: { on: 'unprovision', status: 404, code: 30300, description: 'gone' },
      });
      expect((await ann.call('DELETE', '/services/db1')).status).toBe(200);
      expect(await listed()).toEqual([]);
    });

    test('that a router without a gateway behind it answers with 404 is not done', async () => {
      const before = await counts();
      await cloud.gateway.mode({
        refuse: { on: 'unprovision', status: 404, code: 0, description: 'no such app' },
      });
      expect((await ann.call('DELETE', '/services/db1')).body.code).toBe(503);
      await cloud.gateway.mode({});
      await timePasses();
      await cloud.janitor();
      expect((await counts()).instances).toBe(before.instances - 1);
      expect(await listed()).toEqual([]);
    });

    test('whose answer is lost is asked again', async () => {
      await cloud.gateway.mode({ cut: true });
      expect((await ann.call('DELETE', '/services/db1')).body.code).toBe(503);
      await cloud.gateway.mode({});
      expect((await ann.call('DELETE', '/services/db1')).status).toBe(200);
      expect(await listed()).toEqual([]);
    });
  });

  describe('a binding', () => {
    beforeEach(async () => {
      await cloud.create(ann, 'db1');
      await cloud.app(ann, 'foo', 'STARTED');
    });
    const bind = (services: string[]) => ann.call('PUT', '/apps/foo', { services, state: 'STARTED' });
    const bound = async () => (await ann.get('/apps/foo')).body.services;

    test('that fails is not there, and what runs goes on', async () => {
      const before = await counts();
      await cloud.gateway.mode({
        refuse: { on: 'bind', status: 500, code: 31001, description: 'disk full' },
      });
      expect((await bind(['db1'])).body.code).toBe(503);
      expect(await bound()).toEqual([]);
      expect(cloud.cloud.world.orders).toEqual([]);
      await cloud.gateway.mode({ garbage: 'no-credentials' });
      expect((await bind(['db1'])).body.code).toBe(503);
      expect(await counts()).toEqual(before);
      await cloud.gateway.mode({});
      expect((await bind(['db1'])).status).toBe(200);
      expect(await bound()).toEqual(['db1']);
    });

    test('that is answered too late is revoked, and can be made anew meanwhile', async () => {
      const before = await counts();
      await whileLate(async () => {
        expect((await bind(['db1'])).body.code).toBe(503);
      });
      expect((await bind(['db1'])).status).toBe(200);
      await waitFor(async () => (await counts()).bindings === before.bindings + 1, { timeoutMs: 20_000 });
      expect(await bound()).toEqual(['db1']);
    });

    test('that another controller took for dead is revoked when it is made after all', async () => {
      const before = await counts();
      await cloud.gateway.mode({ hold: true });
      const binding = bind(['db1']);
      await waitFor(async () => (await counts()).bindings === before.bindings + 1);
      await timePasses();
      await cloud.janitor();
      await cloud.gateway.mode({});
      expect((await binding).body.code).toBe(501);
      expect(await bound()).toEqual([]);
      expect(await counts()).toEqual(before);
    });

    test('that cannot be revoked now is revoked later; the app is without it at once', async () => {
      await bind(['db1']);
      const before = await counts();
      await cloud.gateway.mode({ refuse: { on: 'unbind', status: 500, code: 30500, description: 'no' } });
      expect((await bind([])).body.code).toBe(503);
      expect(await bound()).toEqual([]);
      await cloud.gateway.mode({});
      await timePasses();
      await Promise.all([cloud.janitor(), cloud.janitor()]);
      expect((await counts()).bindings).toBe(before.bindings - 1);
    });

    test('of a deleted app is revoked when its gateway is back', async () => {
      await bind(['db1']);
      const before = await counts();
      await cloud.gateway.mode({ refuse: { on: 'unbind', status: 503, code: 30600, description: 'later' } });
      expect((await ann.call('DELETE', '/apps/foo')).status).toBe(200);
      await cloud.gateway.mode({});
      await timePasses();
      await cloud.janitor();
      expect((await counts()).bindings).toBe(before.bindings - 1);
    });
  });

  test('a name is taken until its service is really gone, and a user stays as long as a service does', async () => {
    await cloud.create(ann, 'db1');
    await cloud.gateway.mode({ refuse: { on: 'unprovision', status: 500, code: 1, description: 'no' } });
    await ann.call('DELETE', '/services/db1');
    expect((await cloud.create(ann, 'db1')).body.description).toMatch(/db1 is still being deleted/);
    await cloud.gateway.mode({});
    await timePasses();
    await cloud.janitor();
    expect((await cloud.create(ann, 'db1')).status).toBe(200);
  });

  test('a gateway that is not there is told so at once, and a frozen one in its time', async () => {
    await cloud.create(ann, 'kept');
    await cloud.app(ann, 'foo');
    await cloud.offer({ url: 'http://127.0.0.1:1' });
    const refused = await cloud.create(ann, 'db1');
    expect(refused.body.description).toMatch(/could not be reached/);
    await cloud.offer({ timeout: 1 });
    cloud.gateway.signal('SIGSTOP');
    const late = await cloud.create(ann, 'db1');
    expect(late.body.description).toMatch(/did not answer within 1 s/);
    expect((await ann.call('PUT', '/apps/foo', { services: ['kept'] })).body.code).toBe(503);
    cloud.gateway.signal('SIGCONT');
    await cloud.offer();
    expect(await listed()).toEqual(['kept']);
    await waitFor(async () => (await cloud.create(ann, 'db1')).status === 200);
  });
});
