import { lookup } from 'node:dns/promises';
import type { EgressRule } from '@vcap/warden';

/**
 * Rules for the proxies and package registries that the operator names in variables of install commands: they are often
 * on a private network, which is closed otherwise. A name that cannot be resolved gets none.
 */
export const egressTo = async (variables: Readonly<Record<string, string>>): Promise<EgressRule[]> => {
  const targets = new Set<string>();
  for (const value of Object.values(variables).flatMap((text) => text.split(/\s+/))) {
    const url = URL.parse(value);
    if (url === null || !['http:', 'https:'].includes(url.protocol)) continue;
    targets.add(`${url.hostname} ${url.port || (url.protocol === 'http:' ? '80' : '443')}`);
  }
  const rules = await Promise.all(
    [...targets].map(async (target): Promise<EgressRule[]> => {
      const [host = '', ports = ''] = target.split(' ');
      const found = await lookup(host, { all: true, family: 4 }).catch(() => []);
      return found.map(({ address }) => ({ protocol: 'tcp', destination: address, ports }));
    }),
  );
  return rules.flat();
};
