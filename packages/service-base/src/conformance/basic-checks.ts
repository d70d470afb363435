import assert from 'node:assert/strict';
import { gatewayPaths } from '@vcap/service-api';
import type { NodeConfig } from '../node/config.ts';
import { Scene } from './contract.ts';
import type { Check, ServiceUnderTest } from './contract.ts';
import { eventually, refused } from './tools.ts';

/** Offering, create, bind, unbind, delete and what is refused. */
export function basicChecks<C extends NodeConfig>(service: ServiceUnderTest<C>): Check[] {
  const check = (name: string, play: (scene: Scene<C>) => Promise<void>): Check => ({
    name,
    run: () => Scene.run(service, {}, play),
  });
  return [
    check('offers the service, and takes the offer back at the end', async ({ stage, gateway, node }) => {
      const label = `conformance-${node.node.versions[0]}`;
      const { offerings } = stage.controller;
      await eventually('the offering', () => offerings.get(label)?.active);
      assert.deepEqual(offerings.get(label)?.plans, ['free']);
      await gateway.stop();
      assert.equal(offerings.get(label)?.active, false);
    }),
    check('gives an instance that works, with all the contract asks of its handle', async (scene) => {
      const { service_id, configuration, credentials } = await scene.provision();
      assert.equal(credentials.name, service_id);
      assert.equal(credentials['node_id'], 'node_0');
      assert.deepEqual(configuration, { plan: 'free', version: scene.node.node.versions[0] });
      assert.ok(await service.works(credentials), 'the credentials do not work');
    }),
    check('revokes exactly the binding that is unbound', async (scene) => {
      const { service_id, credentials } = await scene.provision();
      const [one, two] = [await scene.bind(service_id), await scene.bind(service_id)];
      assert.notDeepEqual(one.credentials, two.credentials);
      assert.notEqual(one.service_id, two.service_id);
      assert.equal(one.credentials.name, service_id);
      assert.equal(one.credentials['node_id'], undefined);
      for (const each of [one, two])
        assert.ok(await service.works(each.credentials), 'a binding does not work');
      await scene.gateway.client.unbind(service_id, one.service_id);
      assert.equal(await service.works(one.credentials), false, 'an unbound account still works');
      assert.ok(await service.works(two.credentials), 'unbinding hit another binding');
      assert.ok(await service.works(credentials), 'unbinding hit the instance');
      const { code } = scene.node.node.bindingNotFound('it');
      await refused(scene.gateway.client.unbind(service_id, one.service_id), code);
    }),
    check('leaves no trace of a deleted instance, and others alone', async (scene) => {
      const other = await scene.provision();
      await scene.bind(other.service_id);
      const before = await scene.traces();
      const { service_id, credentials } = await scene.provision();
      const bound = await scene.bind(service_id);
      assert.notDeepEqual(await scene.traces(), before);
      await scene.gateway.client.unprovision(service_id);
      assert.deepEqual(await scene.traces(), before);
      for (const each of [credentials, bound.credentials]) assert.equal(await service.works(each), false);
      assert.ok(await service.works(other.credentials), 'deleting hit another instance');
    }),
    check('says 404 to a second delete', async (scene) => {
      const { service_id } = await scene.provision();
      await scene.gateway.client.unprovision(service_id);
      await refused(scene.gateway.client.unbind(service_id, 'no-such-binding'), 30300);
      scene.stage.controller.handles.clear();
      const { code } = scene.node.node.instanceNotFound('it');
      await refused(scene.gateway.client.unprovision(service_id), code);
      await refused(scene.gateway.client.bind(service_id), 30300);
    }),
    check('refuses what it does not offer and cannot read', async ({ gateway: { client }, ...scene }) => {
      const { configurations } = gatewayPaths;
      const provision = (over: Record<string, unknown>) =>
        client.provision({
          label: `conformance-${scene.node.node.versions[0]}`,
          name: 'x',
          plan: 'free',
          ...over,
        });
      await refused(provision({ plan: 'gold' }), 30003);
      await refused(provision({ version: '0.0.0-none' }), 30004);
      await refused(provision({ label: 'other-1.0' }), 30002);
      await refused(provision({ label: null, plan: null, unique_id: 'nobody' }), 30002);
      await refused(provision({ name: 7 }), 30001);
      await refused(client.call('POST', configurations, '{"name":'), 30001);
      await refused(client.call('POST', configurations, '[]'), 30001);
      await refused(client.call('POST', configurations, {}, { 'Content-Type': 'text/plain' }), 30000);
      await refused(client.call('POST', configurations, {}, { 'X-VCAP-Service-Token': 'wrong' }), 30100);
      await refused(client.call('GET', '/gateway/v1/nothing'), 30300);
    }),
  ];
}
