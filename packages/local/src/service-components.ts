import { join } from 'node:path';
import type { Cluster, Component } from './components.ts';
import { freePort } from './free-port.ts';
import { mariadbVersion } from './mariadb.ts';

/** What MySQL is offered as. A node has one plan, so each has a node; all of them use the one server. */
const plans = [
  {
    name: 'free',
    free: true,
    description: 'Shared server, 20 MB',
    limits: { max_db_size: 20, max_user_conns: 20 },
  },
  {
    name: 'standard',
    free: false,
    description: 'Shared server, 256 MB',
    limits: { max_db_size: 256, max_user_conns: 50, capacity: 50 },
  },
];
const ofEach = <T>(make: (plan: (typeof plans)[number]) => T): Record<string, T> =>
  Object.fromEntries(plans.map((plan) => [plan.name, make(plan)]));

/** The service broker, the operator's tunnel and, where there is a database server, MySQL's gateway and node. */
export async function serviceComponents(
  cluster: Cluster,
  dataDir: (cluster: Cluster, name: string) => string,
): Promise<Component[]> {
  const { options, secrets, mariadb, redisUri, controllerPorts } = cluster;
  const controller = `http://127.0.0.1:${controllerPorts[0] ?? 0}`;
  const one = { index: 0, graceMs: 5000 };
  const brokerPort = await freePort();
  const components: Component[] = [
    {
      ...one,
      service: 'service-broker',
      config: {
        token: secrets.broker,
        local_db: join(dataDir(cluster, 'service-broker'), 'registrations.json'),
        cloud_controller_uri: controller,
        external_uri: `service-broker.${options.domain}`,
        // The domain means this machine to vmc and browsers only, and has a port: the controllers go past the router.
        port: brokerPort,
        url: `http://127.0.0.1:${brokerPort}`,
      },
    },
    {
      ...one,
      service: 'caldecott',
      config: {
        port: 0,
        bind_address: '127.0.0.1',
        external_uri: `tunnel.${options.domain}`,
        keys: { ticket_files: [secrets.ticketFile] },
      },
    },
  ];
  if (mariadb === undefined) return components;
  const jobs = { redis: { uri: redisUri }, blobstore: { root: dataDir(cluster, 'service-files') } };
  const server = {
    socket: mariadb.socket,
    user: 'root',
    pass: mariadb.rootPassword,
    public_host: mariadb.host,
    public_port: mariadb.port,
    mysqldump_bin: 'mariadb-dump',
    mysql_bin: 'mariadb',
  };
  plans.forEach(({ name, limits }, index) =>
    components.push({
      ...one,
      service: 'mysql-node',
      index,
      config: {
        ...jobs,
        jobs: { work_dir: dataDir(cluster, `service-jobs-${name}`) },
        ...limits,
        node_id: `mysql_node_${name}_0`,
        plan: name,
        local_db: join(
          dataDir(cluster, index === 0 ? 'mysql-node' : `mysql-node-${name}`),
          'instances.sqlite',
        ),
        mysql: { [mariadbVersion]: server },
      },
    }),
  );
  components.push({
    ...one,
    service: 'mysql-gateway',
    config: {
      ...jobs,
      token: secrets.gateway,
      cloud_controller_uri: controller,
      plan_management: {
        plans: ofEach(() => ({
          lifecycle: { snapshot: { quota: 5 }, serialization: 'enable', job: 'enable' },
        })),
      },
      service: {
        name: 'mysql',
        version: mariadbVersion,
        supported_versions: [mariadbVersion],
        version_aliases: { current: mariadbVersion },
        description: 'MySQL database',
        tags: ['mysql', 'relational'],
        default_plan: 'free',
        plans: ofEach(({ free, description }) => ({ free, description })),
      },
    },
  });
  return components;
}
