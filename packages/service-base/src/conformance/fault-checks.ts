import assert from 'node:assert/strict';
import { once } from 'node:events';
import { serviceBind, serviceProvision } from '@vcap/bus';
import { gatewayPaths } from '@vcap/service-api';
import type { NodeConfig } from '../node/config.ts';
import type { Credentials } from '../node/types.ts';
import { Scene } from './contract.ts';
import type { Check, ServiceUnderTest } from './contract.ts';
import { eventually, refused } from './tools.ts';

type Over = { gateway?: Record<string, unknown>; node?: Record<string, unknown> };

/** Crowds, lateness, failures, restarts, orphans. */
export function faultChecks<C extends NodeConfig>(service: ServiceUnderTest<C>): Check[] {
  const check = (name: string, over: Over, play: (scene: Scene<C>) => Promise<void>): Check => ({
    name,
    run: () => Scene.run(service, over, play),
  });
  return [
    check('answers many at once, none twice', { node: { capacity: 30 } }, async (scene) => {
      const made = await Promise.all(Array.from({ length: 20 }, () => scene.provision()));
      assert.equal(new Set(made.map(({ service_id }) => service_id)).size, 20);
      const bound = await Promise.all(made.map(({ service_id }) => scene.bind(service_id)));
      for (const { credentials } of bound) assert.ok(await service.works(credentials));
      assert.equal(scene.node.varz()['available_capacity'], 30 - 20 * scene.node.node.capacityUnit);
      await Promise.all(made.map(({ service_id }) => scene.gateway.client.unprovision(service_id)));
      assert.equal(scene.node.varz()['available_capacity'], 30);
    }),
    check(
      'gives no more than its capacity, and again what came back',
      { node: { capacity: 2 } },
      async (scene) => {
        const tries = await Promise.allSettled(Array.from({ length: 6 }, () => scene.provision()));
        const made = tries.filter(({ status }) => status === 'fulfilled').length;
        assert.equal(made, Math.floor(2 / scene.node.node.capacityUnit));
        await refused(scene.provision(), 30500);
        const first = tries.find((each) => each.status === 'fulfilled');
        await scene.gateway.client.unprovision(first?.value.service_id ?? '');
        await eventually('the room to be given again', () => scene.provision().catch(() => undefined));
      },
    ),
    check('undoes what came too late', { node: { op_time_limit: 0.3 } }, async (scene) => {
      const { node } = scene;
      const before = await scene.traces();
      const provision = node.node.provision.bind(node.node);
      node.node.provision = async (instance, work) => {
        await provision(instance, work);
        if (!work.signal.aborted) await once(work.signal, 'abort');
        work.step('the check has waited until it was late');
      };
      await refused(scene.provision(), 30502);
      await eventually('the late instance to be undone', () => node.varz()['undone'] === 1);
      assert.deepEqual(await scene.traces(), before);
    }),
    check('undoes what failed', {}, async (scene) => {
      const { node, gateway } = scene;
      const before = await scene.traces();
      const provision = node.node.provision.bind(node.node);
      node.node.provision = async (instance, work) => {
        await provision(instance, work);
        throw new Error('the check makes it fail here');
      };
      await refused(scene.provision(), 30500);
      assert.deepEqual(await scene.traces(), before);
      node.node.provision = provision;
      const { service_id } = await scene.provision();
      const whole = await scene.traces();
      const bind = node.node.bind.bind(node.node);
      node.node.bind = async (...all) => {
        await bind(...all);
        throw new Error('the check makes it fail here');
      };
      await refused(gateway.client.bind(service_id), 30500);
      assert.deepEqual(await scene.traces(), whole);
    }),
    check('finishes an interrupted delete', { node: { z_interval: 0.2 } }, async (scene) => {
      const { node, gateway } = scene;
      const before = await scene.traces();
      const { service_id } = await scene.provision();
      await scene.bind(service_id);
      const unprovision = node.node.unprovision.bind(node.node);
      node.node.unprovision = () => Promise.reject(new Error('the check makes it fail here'));
      await refused(gateway.client.unprovision(service_id), 30500);
      node.node.unprovision = unprovision;
      await eventually(
        'the delete to be finished',
        async () => (await scene.traces()).length === before.length,
      );
    }),
    check('knows everything after a restart', {}, async (scene) => {
      const { service_id, credentials } = await scene.provision();
      const bound = await scene.bind(service_id);
      await scene.node.stop();
      await scene.gateway.stop();
      const node = await scene.stage.node({ node_id: 'node_0' });
      const gateway = await scene.stage.gateway({ service: { version: node.node.versions[0] } });
      await scene.ready(gateway, 1);
      await scene.bind(service_id, gateway);
      await gateway.client.unbind(service_id, bound.service_id);
      assert.equal((await scene.traces(node)).length > 0, true);
      await gateway.client.unprovision(service_id);
      assert.equal(await service.works(credentials), false);
    }),
    check('lets several gateways work on the same instances', {}, async (scene) => {
      const second = await scene.stage.gateway({ service: { version: scene.node.node.versions[0] } });
      await scene.ready(second, 1);
      const { service_id } = await scene.provision();
      const bound = await scene.bind(service_id, second);
      await scene.gateway.client.unbind(service_id, bound.service_id);
      assert.equal(await service.works(bound.credentials), false);
      await second.client.unprovision(service_id);
      await second.stop();
      const offering = [...scene.stage.controller.offerings.values()][0];
      assert.equal(offering?.active, true, 'a gateway took back the offering that another one still serves');
    }),
    check(
      'shows orphans after the double check, and purges them alone',
      { gateway: quick },
      async (scene) => {
        const { gateway } = scene;
        const { service_id, credentials } = await scene.provision();
        const bound = await scene.bind(service_id);
        const before = await scene.traces();
        const provision = serviceProvision.of(service.serviceName, 'node_0');
        const [instance] = await gateway.bus.request(provision, {}, { timeoutMs: 10_000 });
        const bind = serviceBind.of(service.serviceName, 'node_0');
        const [account] = await gateway.bus.request(bind, { name: service_id }, { timeoutMs: 10_000 });
        assert.ok(instance?.success && account?.success);
        await gateway.client.call('POST', gatewayPaths.checkOrphan, {});
        const names = await eventually('the orphan instance to show', () => {
          const found = gateway.varz()['orphan_instances'] as Record<string, string[]>;
          return found['node_0'];
        });
        assert.deepEqual(names, [instance.credentials.name]);
        const { node_0: accounts } = gateway.varz()['orphan_bindings'] as Record<string, Credentials[]>;
        assert.equal(accounts?.[0]?.name, service_id);
        assert.equal(accounts.length, 1);
        // Whoever lists too much is not obeyed.
        const orphans = {
          orphan_instances: { node_0: [...names, service_id] },
          orphan_bindings: { node_0: [...accounts, bound.credentials] },
        };
        await gateway.client.call('DELETE', gatewayPaths.purgeOrphan, orphans);
        await eventually(
          'the orphans to be purged',
          async () => (await scene.traces()).join() === before.join(),
        );
        for (const each of [credentials, bound.credentials]) assert.ok(await service.works(each));
        assert.equal(await service.works(account.credentials), false);
      },
    ),
  ];
}

const quick = { double_check_orphan_interval: 0.3 };
