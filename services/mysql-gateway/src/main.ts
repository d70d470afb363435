import { runGateway } from '@vcap/service-base';

// All that is MySQL's own is in the configuration file.
await runGateway({ serviceName: 'MyaaS', name: 'mysql-gateway' });
