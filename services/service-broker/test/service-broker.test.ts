import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Bus, routerRegister, routerStart } from '@vcap/bus';
import type { RouterRegister } from '@vcap/bus';
import { systemClock } from '@vcap/clock';
import { silentLogger } from '@vcap/component';
import { waitFor } from '@vcap/testkit';
import { runCli } from '../src/cli.ts';
import { RunningBroker, token } from './support/running-broker.ts';

const offerings = '/service-broker/poc/offerings';
const conn = 'postgresql://hr:s3cret@10.0.0.9:5432/hr';
const registration = {
  label: 'xyz_hr_db-2.0',
  description: 'the HR database',
  options: [
    { name: 'rw', acls: { users: ['boss@x.org'], wildcards: ['*@hr.x.org'] }, credentials: { conn } },
    { name: 'ro', credentials: { conn: `${conn}?ro=1` } },
  ],
};

jest.setTimeout(120_000);
let broker: RunningBroker;
beforeEach(async () => {
  broker = await RunningBroker.prepare();
});
afterEach(async () => {
  await broker.end();
});

describe('the service broker', () => {
  it('offers each option of what is registered, and hands out its credentials', async () => {
    await broker.start();
    const { client, controller } = broker;
    expect(await client.call('POST', offerings, registration)).toEqual({});
    expect(controller.offerings.get('xyz_hr_db_rw-2.0')).toMatchObject({
      url: 'http://service-broker.vcap.me',
      plans: ['default'],
      tags: ['default'],
      acls: { users: ['boss@x.org'] },
    });
    const label = 'xyz_hr_db_ro-2.0';
    const made = await client.provision({ label, name: 'hr', plan: 'default', email: 'u@x.org' });
    expect(made).toMatchObject({ configuration: { plan: 'default' }, credentials: { conn: `${conn}?ro=1` } });
    const body = { service_id: made.service_id, label, email: 'u@x.org', binding_options: {} };
    const path = `/gateway/v1/configurations/${made.service_id}/handles`;
    expect(await client.call('POST', path, body)).toMatchObject({ credentials: { conn: `${conn}?ro=1` } });
    await client.unbind(made.service_id, 'any');
    await client.unprovision(made.service_id);
    expect(broker.output()).not.toContain('s3cret');
  });

  it('takes all options of a label back', async () => {
    await broker.start();
    await broker.client.call('POST', offerings, registration);
    await broker.client.call('DELETE', `${offerings}/xyz_hr_db-2.0`);
    expect(broker.controller.offerings.size).toBe(0);
    await expect(broker.client.call('DELETE', `${offerings}/xyz_hr_db-2.0`)).rejects.toMatchObject({
      code: 30300,
      status: 404,
    });
  });

  it('never offers again what was taken back while it repeated its offers', async () => {
    await broker.start({ heartbeat_interval: 0.005 });
    for (let round = 0; round < 20; round++) {
      await broker.client.call('POST', offerings, registration);
      await broker.client.call('DELETE', `${offerings}/xyz_hr_db-2.0`);
    }
    await broker.stop();
    expect([...broker.controller.offerings.keys()]).toEqual([]);
  });

  it('offers all again after it was killed, with what is predefined', async () => {
    await broker.start();
    await broker.client.call('POST', offerings, registration);
    await broker.kill();
    broker.controller.offerings.clear();
    const extra = { label: 'mail-1.0', options: [{ name: 'smtp', credentials: { host: 'mail.x.org' } }] };
    await broker.start({ services: [extra] });
    for (const label of ['xyz_hr_db_rw-2.0', 'xyz_hr_db_ro-2.0', 'mail_smtp-1.0'])
      await broker.offered(label);
    await broker.stop();
    expect([...broker.controller.offerings.values()].map(({ active }) => active)).toEqual([
      false,
      false,
      false,
    ]);
  });

  it('keeps nothing that the cloud controller did not take', async () => {
    await broker.start();
    broker.controller.up = false;
    await expect(broker.client.call('POST', offerings, registration)).rejects.toMatchObject({ code: 30600 });
    broker.controller.up = true;
    expect(await broker.client.call('GET', offerings)).toEqual({ offerings: [] });
  });

  it('refuses wrong tokens, types and bodies', async () => {
    await broker.start();
    const { client } = broker;
    const wrong = { 'X-VCAP-Service-Token': 'no' };
    await expect(client.call('POST', offerings, registration, wrong)).rejects.toMatchObject({ code: 30100 });
    const plain = { 'Content-Type': 'text/plain' };
    await expect(client.call('POST', offerings, registration, plain)).rejects.toMatchObject({ code: 30000 });
    for (const body of [
      { ...registration, label: 'no_version' },
      { ...registration, options: [] },
      { label: 'a-1', options: [{ name: 'x', credentials: {} }] },
      { label: 'a-1', options: [{ name: 'x y', credentials: { a: 1 } }] },
    ]) {
      await expect(client.call('POST', offerings, body)).rejects.toMatchObject({ code: 30001 });
    }
    await expect(client.call('GET', '/nothing')).rejects.toMatchObject({ code: 30300 });
    const unknown = client.provision({ label: 'other-1', name: 'x', plan: 'default' });
    await expect(unknown).rejects.toMatchObject({ code: 30002 });
  });

  it('has its host name with the routers, again when one starts', async () => {
    const bus = new Bus({ servers: [broker.nats.url], name: 'test', log: silentLogger, clock: systemClock });
    await bus.start();
    const seen: RouterRegister[] = [];
    bus.subscribe(routerRegister, (message) => void seen.push(message));
    await broker.start();
    await waitFor(() => seen.length === 1, { timeoutMs: 20_000 });
    expect(seen[0]).toMatchObject({ host: '127.0.0.1', port: broker.port, uris: ['service-broker.vcap.me'] });
    bus.publish(routerStart, { id: 'router' });
    await waitFor(() => seen.length === 2, { timeoutMs: 20_000 });
    await bus.stop();
  });

  it('is served by its command line', async () => {
    await broker.start();
    const lines: string[] = [];
    const cli = (...args: string[]): Promise<number> =>
      runCli(['--broker', `http://127.0.0.1:${broker.port}`, '--config', broker.config, ...args], {
        env: {},
        out: (line) => void lines.push(line),
      });
    const file = join(broker.dir.path, 'hr.json');
    await writeFile(file, JSON.stringify(registration));
    expect(await cli('register', file)).toBe(0);
    expect(await cli('list')).toBe(0);
    expect(lines.join('\n')).toContain('xyz_hr_db_rw-2.0\tthe HR database');
    expect(lines.join('\n')).not.toContain('s3cret');
    expect(await cli('remove', 'xyz_hr_db-2.0')).toBe(0);
    expect(await cli('remove', 'xyz_hr_db-2.0')).toBe(1);
    await writeFile(file, 'label: nothing');
    expect(await cli('register', file)).toBe(1);
    expect(lines.at(-1)).toContain('options');
    const noToken = await runCli(['--broker', 'http://127.0.0.1:1', 'list'], {
      env: {},
      out: () => undefined,
    });
    expect(noToken).toBe(1);
    expect(await cli('list', '--nonsense')).not.toBe(0);
    // Its address of the cloud controller's before its name at the routers, which may have no name server.
    const own = join(broker.dir.path, 'own.yml');
    const keys = { url: `http://127.0.0.1:${broker.port}`, external_uri: 'nowhere.invalid', token };
    await writeFile(own, JSON.stringify(keys));
    expect(await runCli(['--config', own, 'list'], { env: {}, out: () => undefined })).toBe(0);
    expect(lines.join('\n')).not.toContain(token);
  });
});
