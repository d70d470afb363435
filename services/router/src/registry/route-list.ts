import type { Registry } from './registry.ts';

/** One backend as `/routes` shows it. */
interface ListedBackend {
  readonly address: string;
  /** Seconds since it was last registered. */
  readonly age: number;
  readonly app?: string;
  readonly private_instance_id?: string;
  readonly private_instance_index?: string;
  readonly tags?: { readonly component: string };
}

/** The routes under gorouter's keys; `now` is monotonic ms. */
export function routeList(registry: Registry, now: number): Record<string, ListedBackend[]> {
  const routes: Record<string, ListedBackend[]> = {};
  for (const { facts, places } of registry.entries()) {
    for (const { route, seenAt } of places) {
      (routes[route.key] ??= []).push({
        address: facts.address,
        age: Math.round((now - seenAt) / 1000),
        ...(facts.app === undefined ? {} : { app: facts.app }),
        ...(facts.privateInstanceId === undefined ? {} : { private_instance_id: facts.privateInstanceId }),
        ...(facts.index === undefined ? {} : { private_instance_index: facts.index }),
        ...(facts.component === undefined ? {} : { tags: { component: facts.component } }),
      });
    }
  }
  return routes;
}
