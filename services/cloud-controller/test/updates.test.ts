import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { StagingJanitor } from '../src/adapters/staging-janitor.ts';
import type { ApiClient } from './support/client.ts';
import { dialects, TestCloud } from './support/cloud.ts';
import type { Controller } from './support/cloud.ts';
import { stageAtOnce } from './support/doubles.ts';

describe.each(dialects)('updates of running apps on %s', (dialect) => {
  let cloud: TestCloud;
  let controller: Controller;
  let ann: ApiClient;
  let sequence = 0;

  beforeAll(async () => {
    cloud = await TestCloud.start(dialect);
    controller = await cloud.controller(await cloud.database());
  }, 60_000);
  afterAll(() => cloud.stop());
  beforeEach(async () => {
    ann = await controller.api.as(`ann${++sequence}@test.dev`);
    cloud.world.stage = stageAtOnce;
    cloud.world.becomes = 'running';
    cloud.world.running = 0;
  });

  const upload = (bits: string) =>
    ann
      .with({ 'content-type': 'multipart/form-data; boundary=1' })
      .call('PUT', '/apps/foo/application', bits);
  const read = async () => (await ann.get('/apps/foo')).body;
  const record = async () => {
    const user = await controller.services.store.users.byEmail(`ann${sequence}@test.dev`);
    const app = await controller.services.store.apps.byName(user!.spaceId, 'foo');
    return app!;
  };
  const started = async (instances: number) => {
    await ann.call('POST', '/apps', {
      name: 'foo',
      staging: { framework: 'node' },
      instances,
      resources: { memory: 64 },
    });
    await upload('bits');
    expect((await ann.call('PUT', '/apps/foo', { state: 'STARTED' })).status).toBe(200);
    cloud.world.orders.length = 0;
    return record();
  };

  test('replace instance by instance: a new one serves before the old one goes', async () => {
    await started(3);
    await upload('newer');
    expect((await ann.call('PUT', '/apps/foo/update')).status).toBe(204);
    const rounds = [0, 1, 2].flatMap((index) => [
      `start foo ${index}`,
      `wait foo ${index}`,
      `stop foo ${index}`,
    ]);
    expect(cloud.world.orders).toEqual(['updated foo', ...rounds, 'stop foo ', 'updated foo']);
    expect(await record()).toMatchObject({ replacingVersion: null, stagingLeaseUntil: 0 });
  });

  test('stop the old one first where there is no room for both', async () => {
    await started(2);
    cloud.world.becomes = 'late';
    expect((await ann.call('PUT', '/apps/foo/update')).status).toBe(204);
    expect(cloud.world.orders.slice(1, 6)).toEqual([
      'start foo 0',
      'wait foo 0',
      'stop foo 0',
      'start foo 0',
      'wait foo 0',
    ]);
  });

  test('leave all as it was when the first new instance crashes, and stage anew next time', async () => {
    const before = await started(2);
    await upload('newer');
    cloud.world.becomes = 'crashed';
    const answer = await ann.call('PUT', '/apps/foo/update');
    expect([answer.status, answer.body.code]).toEqual([500, 310]);
    expect(cloud.world.orders).toEqual([
      'updated foo',
      'start foo 0',
      'wait foo 0',
      'updated foo',
      'stop foo 0,1',
    ]);
    const { version, dropletHash } = before;
    expect(await record()).toMatchObject({ version, dropletHash, state: 'STARTED', packageState: 'STAGED' });
    expect((await read()).staging_error).toMatch(/crashed/);
    expect((await ann.get('/apps/foo/update')).body.state).toBe('CANARY_FAILED');
    cloud.world.becomes = 'running';
    expect((await ann.call('PUT', '/apps/foo/update')).status).toBe(204);
    const after = await record();
    expect(after.dropletHash).not.toBe(dropletHash);
    expect(after).toMatchObject({ staleDroplet: false, stagingError: null });
  });

  test('keep what runs when staging fails', async () => {
    const before = await started(1);
    await upload('newer');
    cloud.world.stage = async () => ({ ok: false, message: 'no such module' });
    expect((await ann.call('PUT', '/apps/foo/update')).body).toEqual({
      code: 310,
      description: "Staging failed: 'no such module'",
    });
    expect(cloud.world.orders).toEqual(['updated foo']);
    const { version, dropletHash } = before;
    expect(await record()).toMatchObject({ version, dropletHash, state: 'STARTED', packageState: 'STAGED' });
  });

  describe('whose controller dies while it stages', () => {
    const hang = async (path: string, body: unknown) => {
      const reached = Promise.withResolvers<void>();
      const gate = Promise.withResolvers<void>();
      cloud.world.stage = async () => {
        reached.resolve();
        await gate.promise;
        return { ok: false, message: 'too late' };
      };
      const call = ann.call('PUT', path, body);
      await reached.promise;
      const { guid, version } = await record();
      await controller.services.store.apps.update(guid, { packageState: 'PENDING', stagingTaskId: 'task-1' });
      return {
        async look(): Promise<void> {
          await new StagingJanitor(controller.services).look();
        },
        async die(): Promise<void> {
          await controller.services.store.apps.renewLeases(guid, version, { staging: 1, replacing: 1 });
        },
        async end(): Promise<void> {
          gate.resolve();
          await call;
        },
      };
    };

    test('a start becomes FAILED with a reason, once its lease is over', async () => {
      await started(1);
      await ann.call('PUT', '/apps/foo', { state: 'STOPPED' });
      await upload('newer');
      const staging = await hang('/apps/foo', { state: 'STARTED' });
      await staging.look();
      expect(await record()).toMatchObject({ state: 'STARTED', packageState: 'PENDING' });
      await staging.die();
      await staging.look();
      expect(await record()).toMatchObject({ state: 'STOPPED', packageState: 'FAILED', stagingTaskId: null });
      expect((await read()).staging_error).toMatch(/went away; push or restart again/);
      await staging.end();
    });

    test('an update goes back to what runs', async () => {
      const before = await started(2);
      await upload('newer');
      const staging = await hang('/apps/foo/update', {});
      await staging.die();
      await staging.look();
      const { version, dropletHash } = before;
      const kept = { version, dropletHash, state: 'STARTED', packageState: 'STAGED', staleDroplet: true };
      expect(await record()).toMatchObject(kept);
      await staging.end();
      expect(await record()).toMatchObject(kept);
    });

    test('an upload to a running app is no orphan', async () => {
      await started(1);
      await upload('newer');
      await new StagingJanitor(controller.services).look();
      expect(await record()).toMatchObject({ state: 'STARTED', packageState: 'PENDING' });
    });
  });
});
