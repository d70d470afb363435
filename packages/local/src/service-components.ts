import { join } from 'node:path';
import type { Cluster, Component } from './components.ts';
import { mariadbVersion } from './mariadb.ts';

/** The service broker, the operator's tunnel and, where there is a database server, MySQL's gateway and node. */
export function serviceComponents(
  cluster: Cluster,
  dataDir: (cluster: Cluster, name: string) => string,
): Component[] {
  const { options, secrets, mariadb, redisUri, controllerPorts } = cluster;
  const controller = `http://127.0.0.1:${controllerPorts[0] ?? 0}`;
  const one = { index: 0, graceMs: 5000 };
  const components: Component[] = [
    {
      ...one,
      service: 'service-broker',
      config: {
        token: secrets.broker,
        local_db: join(dataDir(cluster, 'service-broker'), 'registrations.json'),
        cloud_controller_uri: controller,
        external_uri: `service-broker.${options.domain}`,
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
  components.push(
    {
      ...one,
      service: 'mysql-node',
      config: {
        ...jobs,
        node_id: 'mysql_node_free_0',
        plan: 'free',
        local_db: join(dataDir(cluster, 'mysql-node'), 'instances.sqlite'),
        mysql: {
          [mariadbVersion]: {
            socket: mariadb.socket,
            user: 'root',
            pass: mariadb.rootPassword,
            public_host: mariadb.host,
            public_port: mariadb.port,
            mysqldump_bin: 'mariadb-dump',
            mysql_bin: 'mariadb',
          },
        },
      },
    },
    {
      ...one,
      service: 'mysql-gateway',
      config: {
        ...jobs,
        token: secrets.gateway,
        cloud_controller_uri: controller,
        plan_management: {
          plans: { free: { lifecycle: { snapshot: { quota: 5 }, serialization: 'enable', job: 'enable' } } },
        },
        service: {
          name: 'mysql',
          version: mariadbVersion,
          supported_versions: [mariadbVersion],
          version_aliases: { current: mariadbVersion },
          description: 'MySQL database',
          plans: { free: { free: true, description: 'Shared server' } },
        },
      },
    },
  );
  return components;
}
