import { createConnection } from 'mysql2/promise';
import type { Connection } from 'mysql2/promise';
import { ways } from '../../test/support/tunnels.ts';
import type { Access } from '../../test/support/tunnels.ts';

/** How much slower each way of a tunnel may be than the database's own port. */
export const measuredWays = [
  { name: 'WebSocket', flags: ways.websocket, addedMs: 1, share: 0.5 },
  { name: 'HTTP', flags: ways.http, addedMs: 5, share: 0.15 },
  { name: '--direct', flags: ways.direct, addedMs: 1, share: 0.5 },
];
export type Way = (typeof measuredWays)[number];

export function connectTo({ host, port, user, password, name }: Access): Promise<Connection> {
  return createConnection({ host, port, user, password, database: name });
}
