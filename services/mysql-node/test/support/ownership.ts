import { gatewayPaths } from '@vcap/service-base';
import type { Credentials, RunningGateway, Stage } from '@vcap/service-base';
import { waitFor } from '@vcap/testkit';
import type { Config } from '../../src/index.ts';

/** What should be on a server, as `traces` lists it: what the cloud controller has handles of, and `foreign` schemas. */
export function owned(stage: Stage<Config>, foreign: readonly string[] = []): string[] {
  const all = [...stage.controller.handles.values()].map(({ credentials }) => credentials as Credentials);
  const schemas = new Set(all.map(({ name }) => name));
  return [
    ...foreign,
    ...schemas,
    ...all.flatMap(({ name, user }) => [`user ${String(user)}`, `grant ${name}`]),
  ].sort();
}

/** An operator looks for orphans and has those deleted that are found; `foreign` ones are not on that list. */
export async function orphanPass(
  gateway: RunningGateway,
  node: string,
  foreign: readonly string[] = [],
): Promise<void> {
  const before = gateway.varz()['orphan_instances'];
  await gateway.client.call('POST', gatewayPaths.checkOrphan, {});
  await waitFor(() => gateway.varz()['orphan_instances'] !== before, {
    what: 'the double check',
    timeoutMs: 20_000,
  });
  const { orphan_instances: instances, orphan_bindings: bindings } = gateway.varz() as {
    orphan_instances: Record<string, string[]>;
    orphan_bindings: Record<string, Credentials[]>;
  };
  await gateway.client.call('DELETE', gatewayPaths.purgeOrphan, {
    orphan_instances: { [node]: (instances[node] ?? []).filter((name) => !foreign.includes(name)) },
    orphan_bindings: { [node]: bindings[node] ?? [] },
  });
}
