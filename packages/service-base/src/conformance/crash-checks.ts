import assert from 'node:assert/strict';
import type { NodeConfig } from '../node/config.ts';
import { Scene } from './contract.ts';
import type { Check, ServiceUnderTest } from './contract.ts';
import { Stage } from './stage.ts';
import type { RunningGateway } from './stage.ts';
import { eventually } from './tools.ts';

/** What is done when the node dies, to an instance and a binding that were there before. */
type Deed = (gateway: RunningGateway, instance: string, binding: string, version: string) => Promise<unknown>;

const deeds: Record<string, Deed> = {
  provision: ({ client }, _instance, _binding, version) =>
    client.provision({ label: `conformance-${version}`, name: 'mine', plan: 'free' }),
  bind: ({ client }, instance) => client.bind(instance),
  unbind: ({ client }, instance, binding) => client.unbind(instance, binding),
  unprovision: ({ client }, instance) => client.unprovision(instance),
};

/** Names of the steps that a deed passes, found out by doing it once. */
async function stepsOf<C extends NodeConfig>(service: ServiceUnderTest<C>, deed: string): Promise<string[]> {
  const stage = new Stage(service);
  await stage.start();
  try {
    const steps: string[] = [];
    let record = false;
    const node = await stage.node({ node_id: 'node_0' }, (name) => void (record && steps.push(name)));
    const version = node.node.versions[0] ?? '';
    const gateway = await stage.gateway({ service: { version } });
    await known(gateway);
    const { instance, binding } = await furnish(stage, gateway, version);
    record = true;
    await deeds[deed]?.(gateway, instance, binding, version);
    return [...new Set(steps)];
  } finally {
    await stage.stop();
  }
}

async function known(gateway: RunningGateway): Promise<void> {
  await eventually('the gateway to know its node', () => {
    const { nodes, handles_loaded } = gateway.varz();
    return handles_loaded === true && Object.keys(nodes as object).length > 0;
  });
}

async function furnish<C extends NodeConfig>(
  stage: Stage<C>,
  gateway: RunningGateway,
  version: string,
): Promise<{ instance: string; binding: string }> {
  const request = { label: `conformance-${version}`, name: 'mine', plan: 'free' };
  const { service_id: instance } = stage.save(await gateway.client.provision(request));
  const { service_id: binding } = stage.save(await gateway.client.bind(instance));
  return { instance, binding };
}

/**
 * Kills the node's process with -9 between every two statements of every operation, starts it again, and looks: what
 * was acknowledged is there, what was deleted is gone, nothing is left without an owner. Needs `spawn`.
 */
export function crashChecks<C extends NodeConfig>(service: ServiceUnderTest<C>): Check[] {
  const { spawn } = service;
  if (spawn === undefined) return [];
  return Object.keys(deeds).map((deed) => ({
    name: `survives a kill at each step of ${deed}`,
    run: async () => {
      const steps = await stepsOf(service, deed);
      assert.ok(steps.length > 0, `${deed} passes no step`);
      for (const step of steps) await crash(service, spawn, deed, step);
    },
  }));
}

async function crash<C extends NodeConfig>(
  service: ServiceUnderTest<C>,
  spawn: NonNullable<ServiceUnderTest<C>['spawn']>,
  deed: string,
  step: string,
): Promise<void> {
  await Scene.run(service, {}, async (scene) => {
    const { gateway, stage } = scene;
    const version = scene.node.node.versions[0] ?? '';
    const empty = { traces: await scene.traces(), capacity: scene.node.varz()['available_capacity'] };
    const { instance, binding } = await furnish(stage, gateway, version);
    const capacity = scene.node.varz()['available_capacity'];
    const before = await scene.traces();
    await scene.node.stop();
    const victim = await spawn({ node_id: 'node_0' }, step);
    const outcome = deeds[deed]?.(gateway, instance, binding, version).then(
      () => 'answered',
      () => 'failed',
    );
    try {
      await victim.exited;
    } finally {
      await victim.kill();
    }
    const node = await stage.node({ node_id: 'node_0' });
    const [whole, bound] = [instance, binding].map((id) => stage.controller.handles.get(id));
    const works = async (handle: typeof whole): Promise<boolean> =>
      service.works(handle?.credentials as Parameters<typeof service.works>[0]);
    const after = await scene.traces(node);
    const at = `after a kill at ${step}`;
    if (deed === 'provision' || deed === 'bind') {
      assert.deepEqual(after, before, `something is left ${at}`);
      assert.ok((await works(whole)) && (await works(bound)), `an acknowledged thing is lost ${at}`);
    } else {
      // The delete was not acknowledged, but begun: it is finished.
      assert.equal(await works(bound), false, `the account is left ${at}`);
      assert.equal(await works(whole), deed === 'unbind', `the instance is wrong ${at}`);
      if (deed === 'unprovision') assert.deepEqual(after, empty.traces, `something is left ${at}`);
    }
    const left = deed === 'unprovision' ? empty.capacity : capacity;
    assert.equal(node.varz()['available_capacity'], left, `the capacity is wrong ${at}`);
    gateway.client.hangUp.abort();
    assert.equal(await outcome, 'failed', `the node answered before its kill at ${step}`);
  });
}
