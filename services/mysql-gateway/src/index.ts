export { gatewayConfigSchema as configSchema } from '@vcap/service-base';
