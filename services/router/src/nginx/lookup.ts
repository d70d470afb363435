import type { Endpoint } from '../plane/table/endpoint.ts';
import type { RouteTable } from '../plane/table/table.ts';

/** A backend in the words of the Lua half. */
interface LuaEndpoint {
  readonly address: string;
  readonly host: string;
  readonly port: number;
  /** What the sticky cookie names. */
  readonly id?: string;
  readonly app?: string;
  readonly component?: string;
  /** The value of X-CF-ApplicationID and the header lines behind it. */
  readonly lines: string;
  readonly index?: string;
  /** Ms since the epoch at which it came. */
  readonly since: number;
}

/** From monotonic ms to those since the epoch. */
export type Epoch = (monotonic: number) => number;

/**
 * What there is to know of a host, as JSON: its routes in the order in which they win, up to the first that takes any
 * path. Undefined when nobody has heard of it.
 */
export function recordOf(table: RouteTable, host: string, epoch: Epoch): string | undefined {
  const candidates = table.candidates(host);
  if (candidates.length === 0) return undefined;
  return JSON.stringify(
    candidates.map(({ path, route }) => ({ path, members: route.members.map((each) => told(each, epoch)) })),
  );
}

function told(endpoint: Endpoint, epoch: Epoch): LuaEndpoint {
  const { address, host, port, app, index, privateInstanceId, component } = endpoint.facts;
  return {
    address,
    host: host.includes(':') ? `[${host}]` : host,
    port,
    ...(privateInstanceId === undefined ? {} : { id: privateInstanceId }),
    ...(app === undefined ? {} : { app }),
    ...(index === undefined ? {} : { index }),
    ...(component === undefined ? {} : { component }),
    // nginx leaves a header out whose value is empty, so the lines ride on the first one's.
    lines:
      (app === undefined ? '\r\n' : '') +
      endpoint.headers.replace(/^X-CF-ApplicationID: /, '').replace(/\r\n$/, ''),
    since: epoch(endpoint.since),
  };
}
