import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { subscribe } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import { waitFor } from '@vcap/testkit';
import { FakeNode } from './support/fake-node.ts';
import { EchoScene, request } from './support/scene.ts';

const patient = { timeoutMs: 20_000 };
let scene: EchoScene;
let fake: FakeNode;
beforeEach(async () => {
  scene = await EchoScene.start();
  fake = await FakeNode.start(scene.nats.url);
});
afterEach(async () => {
  await fake.stop();
  await scene.end();
});

const made = (name: string): string =>
  JSON.stringify({ success: true, credentials: { name, user: 'u', password: 'p' } });

/** An impatient one is for answers that come too late. */
async function gateway(over: { impatient?: boolean } = {}): ReturnType<EchoScene['gateway']> {
  const running = await scene.gateway(over.impatient ? { node_timeout: 0.4 } : {}, 0);
  fake.announce();
  await scene.knows(running, 1);
  return running;
}

/** What servers of this process answer from now on. */
function responses(): ServerResponse[] {
  const seen: ServerResponse[] = [];
  subscribe('http.server.request.start', (message) => {
    seen.push((message as { response: ServerResponse }).response);
  });
  return seen;
}

describe('a gateway and what nodes answer', () => {
  it('takes the first reply that can be read', async () => {
    const { client, bus } = await gateway();
    fake.answers['provision'] = (message) => {
      for (const text of [
        '',
        'no json',
        '[]',
        '{"success":"yes"}',
        '{"success":true}',
        '{"success":false}',
        'null',
      ]) {
        message.respond(text);
      }
      message.respond(made('e1'));
      message.respond(made('e2'));
    };
    const handle = await client.provision(request);
    expect(handle.service_id).toBe('e1');
    expect(handle.credentials['node_id']).toBe('fake');
    expect(bus.counters()['unparsable']).toBeGreaterThanOrEqual(6);
  });

  it('gives up on a node that says nothing that can be read, and goes on', async () => {
    const { client } = await gateway({ impatient: true });
    fake.answers['provision'] = (message) => void message.respond('{"success":true,"credentials":7}');
    await expect(client.provision(request)).rejects.toMatchObject({ code: 30700, status: 504 });
    fake.answers['provision'] = (message) => void message.respond(made('e1'));
    const handle = await waitFor(() => client.provision(request).catch(() => undefined), patient);
    expect(handle.service_id).toBe('e1');
  });

  it('tells the node its time, and undoes what came after it', async () => {
    const running = await gateway({ impatient: true });
    const { client } = running;
    const late: (() => void)[] = [];
    fake.answers['provision'] = (message) => void late.push(() => message.respond(made('e-late')));
    fake.answers['unprovision'] = (message) => void message.respond('{"success":true}');
    await expect(client.provision(request)).rejects.toMatchObject({ code: 30700 });
    expect(fake.heard[0]?.body['time_limit_ms']).toBe(400);
    late[0]?.();
    const undone = await waitFor(() => fake.heard.find(({ verb }) => verb === 'unprovision'), patient);
    expect(undone.body['name']).toBe('e-late');
    expect(Object.keys(running.varz()['prov_svcs'] as object)).toEqual([]);
  });

  it('undoes a binding that came too late', async () => {
    fake.answers['provision'] = (message) => void message.respond(made('e1'));
    const { service_id } = scene.stage.save(await (await gateway()).client.provision(request));
    const { client } = await gateway({ impatient: true });
    const late: (() => void)[] = [];
    fake.answers['bind'] = (message) => void late.push(() => message.respond(made('e1')));
    await expect(client.bind(service_id)).rejects.toMatchObject({ code: 30700 });
    late[0]?.();
    const undone = await waitFor(() => fake.heard.find(({ verb }) => verb === 'unbind'), patient);
    expect(undone.body['credentials']).toMatchObject({ name: 'e1', user: 'u' });
  });

  it('undoes what its asker did not wait for', async () => {
    const { client } = await gateway();
    const seen = responses();
    const waiting: (() => void)[] = [];
    fake.answers['provision'] = (message) => void waiting.push(() => message.respond(made('e1')));
    const asked = client.provision(request).catch((error: unknown) => error);
    await waitFor(() => waiting.length === 1, patient);
    client.hangUp.abort();
    await asked;
    // The gateway must see the connection end before the node answers.
    await waitFor(() => seen.at(-1)?.closed, patient);
    waiting[0]?.();
    const undone = await waitFor(() => fake.heard.find(({ verb }) => verb === 'unprovision'), patient);
    expect(undone.body['name']).toBe('e1');
  });

  it('goes to the next node when one is full, and never loses count', async () => {
    const running = await gateway();
    await scene.node();
    await scene.knows(running, 2);
    fake.announce({ available_capacity: 1000 });
    await waitFor(
      () =>
        (running.varz()['nodes'] as Record<string, { available_capacity: number }>)['fake']
          ?.available_capacity === 1000,
      patient,
    );
    const full = { status: 500, msg: { code: 30500, description: 'full' } };
    fake.answers['provision'] = (message) =>
      void message.respond(JSON.stringify({ success: false, error: { ...full, retry_elsewhere: true } }));
    const handle = await running.client.provision(request);
    expect(handle.credentials['node_id']).toBe('node_0');
    fake.answers['provision'] = (message) =>
      void message.respond(JSON.stringify({ success: false, error: full }));
    await expect(running.client.provision(request)).rejects.toMatchObject({ code: 30500, message: 'full' });
  });

  it('hears no nonsense from the bus', async () => {
    const running = await gateway();
    for (const body of [
      '',
      'x',
      '{}',
      '{"id":"a b","available_capacity":1}',
      '{"id":"x","available_capacity":"9"}',
    ]) {
      fake.raw('EchoaaS.announce', body);
      fake.raw('EchoaaS.node_handles', body);
      fake.raw('EchoaaS.update_service_handle', body);
      fake.raw('EchoaaS.handles', body);
    }
    await waitFor(() => (running.bus.counters()['unparsable'] ?? 0) >= 12, patient);
    expect(Object.keys(running.varz()['nodes'] as object)).toEqual(['fake']);
  });

  it('keeps a handle until the node says that the thing is gone', async () => {
    const { client } = await gateway();
    fake.answers['provision'] = (message) => void message.respond(made('e1'));
    const { service_id } = await client.provision(request);
    const failed = { success: false, error: { status: 500, msg: { code: 30500, description: 'no' } } };
    fake.answers['unprovision'] = (message) => void message.respond(JSON.stringify(failed));
    await expect(client.unprovision(service_id)).rejects.toMatchObject({ code: 30500 });
    fake.answers['unprovision'] = (message) => void message.respond('{"success":true}');
    await client.unprovision(service_id);
    await expect(client.unprovision(service_id)).rejects.toMatchObject({ code: 30300 });
  });
});

describe('a node and what it is asked', () => {
  it('does a message that comes twice once, and answers twice', async () => {
    const node = await scene.node();
    await scene.gateway();
    const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const answers = await fake.ask('EchoaaS.provision.node_0', '{"plan":"free"}', {
      trace,
      times: 2,
      ms: 20_000,
    });
    expect(answers).toHaveLength(2);
    expect(answers[0]).toEqual(answers[1]);
    expect(node.varz()['provision_served']).toBe(1);
  });

  it("answers the originals' discover and check_orphan", async () => {
    const node = await scene.node();
    const running = await scene.gateway();
    const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203332-01';
    const [announcement] = await fake.ask('EchoaaS.discover', '', { trace, times: 1, ms: 20_000 });
    expect(announcement).toMatchObject({
      id: 'node_0',
      plan: 'free',
      max_capacity: 200,
      supported_versions: ['1.0'],
    });
    const { service_id } = await running.client.provision(request);
    fake.raw('EchoaaS.check_orphan', 'Send Me Handles');
    await waitFor(() => running.bus.counters()['received'], patient);
    for (const body of ['', 'x', '{"name":7}', '{"plan":[]}', '{"credentials":{}}']) {
      for (const verb of ['provision', 'unprovision', 'bind', 'unbind', 'purge_orphan', 'import_instance']) {
        fake.raw(`EchoaaS.${verb}.node_0`, body);
      }
    }
    await waitFor(() => (node.bus.counters()['unparsable'] ?? 0) >= 20, patient);
    await running.client.bind(service_id);
  });
});
