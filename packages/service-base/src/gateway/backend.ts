import type { Trace } from '@vcap/bus';
import type { BindRequest, Handle, ProvisionRequest, UnbindRequest } from '@vcap/service-api';

/**
 * What stands behind the instance routes. `Provisioner` is the one with nodes; a service without nodes (the broker,
 * filesystem) brings its own. Failures are thrown as ServiceError.
 */
export interface GatewayBackend {
  provision(request: ProvisionRequest, trace: Trace): Promise<Handle>;
  unprovision(instance: string, trace: Trace): Promise<void>;
  bind(request: BindRequest, trace: Trace): Promise<Handle>;
  unbind(request: UnbindRequest, trace: Trace): Promise<void>;
}
