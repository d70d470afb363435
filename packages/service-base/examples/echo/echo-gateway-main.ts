import { runGateway } from '@vcap/service-base';

await runGateway({ serviceName: 'EchoaaS', name: 'echo-gateway' });
