import { runNode } from '@vcap/service-base';
import { echoConfigSchema } from './config.ts';
import { EchoNode } from './echo-node.ts';

await runNode({
  serviceName: 'EchoaaS',
  name: 'echo-node',
  schema: echoConfigSchema,
  create: ({ config }) => new EchoNode(config),
});
