import type { Clock } from '@vcap/clock';
import { defaultLimits, sameSecret, TunnelServer } from '@vcap/tunnel';
import type { Grant, TunnelLimits } from '@vcap/tunnel';
import { z } from 'zod';
import { createApp } from '../http/app.ts';
import { HttpServer } from '../http/http-server.ts';
import { boundServices, destinationsOf, parseJson } from './bound-services.ts';

export interface HelperOptions {
  env: NodeJS.ProcessEnv;
  clock: Clock;
  release: string;
  /** One event per line; never anything secret. */
  log: (event: object) => void;
  limits?: Partial<TunnelLimits>;
}

/** A shorter token could be guessed. */
const SHORTEST_TOKEN = 16;
/** Half of what the smallest application (64 MB) has to spare. */
const BUFFER_BYTES = 16 * 1024 * 1024;

/** What the process itself and what waits at it take of its file descriptors. */
const OWN_DESCRIPTORS = 64;
/** The database's connection, a request that waits, and one that brings bytes. */
const DESCRIPTORS_PER_TUNNEL = 3;
const limitsSchema = z.looseObject({ limits: z.looseObject({ fds: z.int().positive() }) });

/** The helper cannot run like this; the message says what to do. */
export class HelperError extends Error {
  override readonly name = 'HelperError';
}

/** The application that `vmc tunnel` pushes: opens what is bound to it to whoever has its token. */
export function createHelper({ env, clock, release, log, limits }: HelperOptions): HttpServer {
  const token = env['CALDECOTT_AUTH'];
  if (token === undefined || token === '') {
    throw new HelperError('CALDECOTT_AUTH is not set: without a token everybody could use the tunnel');
  }
  if (token.length < SHORTEST_TOKEN) {
    throw new HelperError(`CALDECOTT_AUTH has fewer than ${SHORTEST_TOKEN} characters: it could be guessed`);
  }
  const services = boundServices(env);
  const destinations = destinationsOf(services);
  const grant: Grant = {
    owner: 'application',
    allows: ({ host, port }) => destinations.some((each) => each.host === host && each.port === port),
  };
  const tunnels = new TunnelServer({
    clock,
    limits: { totalBufferBytes: BUFFER_BYTES, ...tunnelsOf(env), ...limits },
    authorise: (given) => (given !== undefined && sameSecret(given, token) ? grant : undefined),
    observe: log,
  });
  const app = createApp({
    tunnels,
    release,
    extend: (routes) => {
      routes.get('/services', (_request, response) => {
        const text = env['VMC_SERVICES'] ?? env['VCAP_SERVICES'];
        if (text === undefined) response.type('text').send('no services are bound\n');
        else response.type('json').send(text);
      });
      routes.get('/services/:name', (request, response) => {
        const found = services.find(({ name }) => name === request.params.name);
        if (found) response.set('Cache-Control', 'no-store').json(found.credentials);
        else response.status(404).type('text').send(`no service of this name is bound\n`);
      });
    },
  });
  return new HttpServer(app, tunnels, { host: '0.0.0.0', port: portOf(env) });
}

/** As many tunnels as the application may have files open for: one more is refused with a word, not by a broken socket. */
function tunnelsOf(env: NodeJS.ProcessEnv): Partial<TunnelLimits> {
  const { data } = limitsSchema.safeParse(parseJson(env['VCAP_APPLICATION']));
  if (data === undefined) return {};
  const tunnels = Math.floor((data.limits.fds - OWN_DESCRIPTORS) / DESCRIPTORS_PER_TUNNEL);
  return { maxTunnels: Math.min(defaultLimits.maxTunnels, Math.max(1, tunnels)) };
}

function portOf(env: NodeJS.ProcessEnv): number {
  const text = env['PORT'] ?? env['VCAP_APP_PORT'] ?? env['VMC_APP_PORT'] ?? '8081';
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new HelperError(`PORT is no port: ${text}`);
  return port;
}
