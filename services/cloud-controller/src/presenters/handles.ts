import type { BindingRecord } from '../repositories/service-bindings.ts';
import type { InstanceRecord } from '../repositories/service-instances.ts';
import type { ServiceStore } from '../repositories/service-store.ts';

const PAGE = 500;

/**
 * The handles of a service as JSON text, instances first, then bindings; read page by page, since there may be many
 * thousands. What is still being deleted is among them: its gateway has it until it confirms.
 */
export async function* presentHandles(store: ServiceStore, serviceId: number): AsyncGenerator<string> {
  yield '{"handles":[';
  let separator = '';
  const pages: readonly ((after: number) => Promise<(InstanceRecord | BindingRecord)[]>)[] = [
    (after) => store.instances.page(serviceId, after, PAGE),
    (after) => store.bindings.page(serviceId, after, PAGE),
  ];
  for (const page of pages) {
    for (let after = 0; ;) {
      const records = await page(after);
      const last = records.at(-1);
      if (!last) break;
      yield separator + records.map((record) => JSON.stringify(presentHandle(record))).join(',');
      separator = ',';
      after = last.id;
    }
  }
  yield ']}';
}

function presentHandle({ gatewayName, configuration, credentials }: InstanceRecord | BindingRecord): unknown {
  return { service_id: gatewayName, configuration, credentials };
}
