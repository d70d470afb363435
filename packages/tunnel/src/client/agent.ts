import { lookup as systemLookup } from 'node:dns';
import type { LookupAddress, LookupAllOptions } from 'node:dns';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { LookupFunction } from 'node:net';

type AllCallback = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void;

/** Name lookup in which every name below `localhost` is this machine, as a cluster for trying things is. */
const lookup: LookupFunction = (host, options, callback) => {
  if (!host.endsWith('.localhost')) {
    systemLookup(host, options as LookupAllOptions, callback as unknown as AllCallback);
    return;
  }
  if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }]);
  else callback(null, '127.0.0.1', 4);
};

const loopback = /^(localhost|.*\.localhost|127\..*|\[::1\])$/;

/** Kept connections to one address; the proxies of `env` are used, but never for this machine. */
export function createAgent(url: URL, env: NodeJS.ProcessEnv): HttpAgent | HttpsAgent {
  const options = {
    keepAlive: true,
    noDelay: true,
    lookup,
    ...(loopback.test(url.hostname) ? {} : { proxyEnv: env }),
  };
  return url.protocol === 'https:' ? new HttpsAgent(options) : new HttpAgent(options);
}
