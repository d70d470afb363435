import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { tunnelRevoke, tunnelSession } from '@vcap/bus';
import type { Bus, TunnelRevoke } from '@vcap/bus';
import { waitFor } from '@vcap/testkit';
import { Tickets } from '@vcap/tunnel';
import type { ApiClient } from '../support/client.ts';
import { dialects } from '../support/cloud.ts';
import { ServiceCloud } from '../support/service-cloud.ts';

const key = 'a key of tickets that is long enough';
const tickets = new Tickets([key]);

describe.each(dialects)('direct tunnels on %s', (dialect) => {
  let cloud: ServiceCloud;
  let ann: ApiClient;
  let peer: Bus;
  const revoked: TunnelRevoke[] = [];

  beforeAll(async () => {
    cloud = await ServiceCloud.start(dialect, {
      tunnel: { external_uri: 'tunnel.vcap.test', ticket_key: key, ticket_seconds: 60 },
    });
    await cloud.offer();
    peer = await cloud.cloud.bus('caldecott');
    peer.subscribe(tunnelRevoke, (message) => void revoked.push(message));
  }, 60_000);
  afterAll(async () => {
    await peer.stop();
    await cloud.stop();
  });
  beforeEach(async () => {
    ann = await cloud.user();
    revoked.length = 0;
    await cloud.create(ann, 'db1');
  });
  afterEach(() => cloud.gateway.mode({}));

  const open = () => ann.call('POST', '/services/v1/configurations/db1/tunnels', {});
  const bindings = async () => (await cloud.gateway.state()).bindings.length;

  test('open with an account of their own and a ticket for this database alone', async () => {
    const before = await bindings();
    const { status, body } = await open();
    expect(status).toBe(200);
    expect(body).toEqual({
      session: expect.any(String),
      uri: 'tunnel.vcap.test',
      ticket: expect.any(String),
      expires_in: expect.any(Number),
      credentials: expect.objectContaining({ password: expect.any(String) }),
    });
    expect(body.expires_in).toBeGreaterThan(50);
    const claims = tickets.read(body.ticket, Date.now());
    expect(claims).toMatchObject({
      session: body.session,
      user: (await ann.get('/info')).body.user,
      destination: { host: '127.0.0.1', port: 3306 },
    });
    expect(await bindings()).toBe(before + 1);
    // No application sees it, but the gateway knows that it is wanted.
    const { handles } = (await cloud.asGateway.get('/services/v1/offerings/echo-1.0/handles')).body;
    expect(handles.at(-1).credentials).toEqual(body.credentials);
  });

  test('are renewed by their user alone, and end at once when the user says so', async () => {
    const { session } = (await open()).body;
    const before = await bindings();
    const path = `/services/v1/tunnels/${session}`;
    const bob = await cloud.user();
    for (const method of ['PUT', 'DELETE']) expect((await bob.call(method, path)).body.code).toBe(502);
    const renewed = (await ann.call('PUT', path)).body;
    expect(tickets.read(renewed.ticket, Date.now())?.session).toBe(session);
    expect(renewed.credentials).toBeUndefined();
    expect((await ann.call('DELETE', path)).body).toEqual({});
    expect(await bindings()).toBe(before - 1);
    await waitFor(() => revoked.length > 0);
    expect(revoked).toEqual([{ session, reason: 'its user ended it' }]);
    expect((await ann.call('PUT', path)).body.code).toBe(502);
  });

  test('end when they are not renewed, whichever controller looks', async () => {
    const before = await bindings();
    const { session } = (await open()).body;
    await cloud.janitor();
    expect(await bindings()).toBe(before + 1);
    const { tunnels } = cloud.controller.services.store.services;
    await tunnels.renew((await tunnels.find(session))!.id, 1);
    await Promise.all([cloud.janitor(), cloud.janitor()]);
    expect(await bindings()).toBe(before);
    await waitFor(() => revoked.length > 0);
    expect(revoked).toMatchObject([{ session }]);
  });

  test('leave no account behind when the gateway fails, and none when the service goes', async () => {
    const before = await bindings();
    await cloud.gateway.mode({ refuse: { on: 'bind', status: 500, code: 30500, description: 'no' } });
    expect((await open()).body.code).toBe(503);
    await cloud.gateway.mode({ garbage: 'no-credentials' });
    expect((await open()).body.code).toBe(503);
    await cloud.gateway.mode({});
    expect(await bindings()).toBe(before);
    const { session } = (await open()).body;
    expect((await ann.call('DELETE', '/services/db1')).status).toBe(200);
    await waitFor(() => revoked.length > 2);
    expect(revoked.map((each) => each.session)).toContain(session);
    expect(await bindings()).toBe(before);
  });

  test('are written down: opened, used and ended, once however many controllers hear of it', async () => {
    const user = (await ann.get('/info')).body.user as string;
    const { session } = (await open()).body;
    const facts = { session, tunnel: 't1', user, service: 'x', open: 1 };
    const { events } = cloud.controller.services.store;
    for (const event of ['opened', 'closed'] as const) {
      for (let times = 0; times < 2; times++)
        peer.publish(tunnelSession, { ...facts, event, bytes_in: 5, bytes_out: 6 });
      await waitFor(async () => (await events.typesOf(user)).includes(`tunnel.${event}`));
    }
    await ann.call('DELETE', `/services/v1/tunnels/${session}`);
    expect((await events.typesOf(user)).filter((type) => type.startsWith('tunnel.'))).toEqual([
      'tunnel.open',
      'tunnel.opened',
      'tunnel.closed',
      'tunnel.end',
    ]);
  });

  test('are not there without an endpoint, nor to another’s service', async () => {
    const bob = await cloud.user();
    expect((await bob.call('POST', '/services/v1/configurations/db1/tunnels', {})).body.code).toBe(500);
    expect(
      (await cloud.controller.api.call('POST', '/services/v1/configurations/db1/tunnels')).body.code,
    ).toBe(200);
    const { settings } = cloud.controller.services;
    const { tunnel } = settings;
    settings.tunnel = undefined;
    const answer = await open();
    settings.tunnel = tunnel;
    expect([answer.status, answer.body.code]).toEqual([501, 505]);
  });
});
