import { runNode } from '@vcap/service-base';
import { configSchema } from './config.ts';
import { MysqlNode } from './mysql-node.ts';

await runNode({
  serviceName: 'MyaaS',
  name: 'mysql-node',
  schema: configSchema,
  create: ({ config, log, clock, identity }) => new MysqlNode(config, { log, clock, ip: identity.ip }),
});
