import { connect } from 'nats';

/** What each role may say, and others listen to. */
const said: Record<string, readonly string[]> = {
  router: ['router.start'],
  dea: [
    'dea.advertise',
    'dea.heartbeat',
    'dea.shutdown',
    'droplet.exited',
    'router.register',
    'router.unregister',
  ],
  'cloud-controller': ['dea.stop', 'dea.update', 'dea.find.droplet', 'droplet.updated', 'staging.stop'],
  'health-manager': ['health.start', 'health.stop', 'healthmanager.start'],
  stager: ['staging.advertise'],
  gateway: ['MyaaS.discover', 'MyaaS.check_orphan', 'MyaaS.provision.mysql_node_free_0'],
  node: ['MyaaS.announce', 'MyaaS.node_handles'],
};
const nonsense: readonly (string | Uint8Array)[] = [
  '',
  '{',
  'null',
  '[]',
  '42',
  '"text"',
  '{}',
  '{"uris":null,"host":{},"port":"x"}',
  '{"droplets":[{}],"dea":1}',
  '{"__proto__":{"polluted":true}}',
  `${'['.repeat(20_000)}${']'.repeat(20_000)}`,
  `{"id":"${'x'.repeat(200_000)}"}`,
  new Uint8Array([0xff, 0xfe, 0x00, 0x80]),
];

/** Says all of it in every role's name; answers how many messages that were. */
export async function poison(address: string, password: (role: string) => Promise<string>): Promise<number> {
  let sent = 0;
  for (const [role, subjects] of Object.entries(said)) {
    const connection = await connect({
      servers: `nats://${address}:4222`,
      user: role,
      pass: await password(role),
      timeout: 20_000,
    });
    for (const subject of subjects)
      for (const text of nonsense) {
        connection.publish(subject, text);
        sent++;
      }
    await connection.flush();
    await connection.close();
  }
  return sent;
}
