import assert from 'node:assert/strict';
import { newTrace, serviceBind, serviceProvision, serviceUnbind, serviceUnprovision } from '@vcap/bus';
import type { NodeConfig } from '../node/config.ts';
import { Scene } from './contract.ts';
import type { Check, ServiceUnderTest } from './contract.ts';

const hostile = [
  "d'; DROP DATABASE mysql; --",
  'd`x`',
  'd\0x',
  '../../etc',
  'd%',
  'd*',
  '名前',
  'a'.repeat(500),
  '$(id)',
  ' ',
];

/** Names and credentials from the bus, past the gateway. */
export function nameChecks<C extends NodeConfig>(service: ServiceUnderTest<C>): Check[] {
  const { serviceName } = service;
  const check = (name: string, play: (scene: Scene<C>) => Promise<void>): Check => ({
    name,
    run: () => Scene.run(service, {}, play),
  });
  return [
    check('takes no hostile name, and stays whole', async (scene) => {
      const { credentials } = await scene.provision();
      const before = await scene.traces();
      const { bus } = scene.gateway;
      const options = { timeoutMs: 5000, trace: newTrace() };
      for (const name of hostile) {
        const all = await Promise.all([
          bus.request(
            serviceProvision.of(serviceName, 'node_0'),
            { credentials: { ...credentials, name } },
            options,
          ),
          bus.request(serviceUnprovision.of(serviceName, 'node_0'), { name }, options),
          bus.request(serviceBind.of(serviceName, 'node_0'), { name }, options),
          bus.request(
            serviceUnbind.of(serviceName, 'node_0'),
            { credentials: { ...credentials, name } },
            options,
          ),
          bus.request(
            serviceUnbind.of(serviceName, 'node_0'),
            { credentials: { name: credentials.name, user: name, username: name } },
            options,
          ),
        ]);
        for (const [reply] of all) {
          assert.equal(
            reply?.success,
            false,
            `${JSON.stringify(name)} was answered ${JSON.stringify(reply)}`,
          );
        }
      }
      assert.deepEqual(await scene.traces(), before);
      assert.ok(await service.works(credentials), 'an instance was hit');
    }),
    check('never touches an instance whose name is asked for again', async (scene) => {
      const { credentials } = await scene.provision();
      const before = await scene.traces();
      const subject = serviceProvision.of(serviceName, 'node_0');
      const [reply] = await scene.gateway.bus.request(subject, { credentials }, { timeoutMs: 10_000 });
      assert.equal(reply?.success, false);
      assert.deepEqual(await scene.traces(), before);
      assert.ok(await service.works(credentials), 'the refused create dropped the instance');
    }),
    check('makes an instance and a binding again with given credentials', async (scene) => {
      const handle = await scene.provision();
      const bound = await scene.bind(handle.service_id);
      await scene.gateway.client.unprovision(handle.service_id);
      const { bus } = scene.gateway;
      const provision = serviceProvision.of(serviceName, 'node_0');
      const [made] = await bus.request(provision, { credentials: handle.credentials }, { timeoutMs: 10_000 });
      assert.deepEqual(made?.success === true && made.credentials, handle.credentials);
      const bind = serviceBind.of(serviceName, 'node_0');
      const message = { name: handle.service_id, credentials: bound.credentials };
      for (let time = 1; time <= 2; time++) {
        const [again] = await bus.request(bind, message, { timeoutMs: 10_000 });
        assert.deepEqual(again?.success === true && again.credentials, bound.credentials);
      }
      for (const each of [handle, bound]) assert.ok(await service.works(each.credentials));
    }),
  ];
}
