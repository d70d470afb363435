import { randomInt } from 'node:crypto';
import { connect } from 'nats';
import type { NatsConnection } from 'nats';
import { mendAbandonedDials } from './abandoned-dials.ts';
import type { BusOptions } from './bus-options.ts';

/**
 * A connection to one of the servers, however long it takes until one is there; it returns by itself for ever. Undefined
 * once `stopped` is. Rejects when a server will not have us.
 */
export async function openConnection(
  { servers, name, pingIntervalMs = 8000 }: BusOptions,
  tls: object | null,
  stopped: AbortSignal,
): Promise<NatsConnection | undefined> {
  mendAbandonedDials();
  const urls = servers.map((server) => new URL(server));
  const first = urls[0];
  try {
    return await connect({
      servers: urls.map((each) => `${each.hostname}:${each.port || '4222'}`),
      ...(first?.username ? { user: decodeURIComponent(first.username) } : {}),
      ...(first?.password ? { pass: decodeURIComponent(first.password) } : {}),
      tls,
      name,
      maxReconnectAttempts: -1,
      waitOnFirstConnect: true,
      // A frozen server accepts connections and says nothing: the next one's turn comes soon.
      timeout: 3000,
      // It is asked before each try, and its error ends the first connection's tries, which nothing else does.
      reconnectDelayHandler: () => {
        stopped.throwIfAborted();
        return 500 + randomInt(250);
      },
      pingInterval: pingIntervalMs,
      maxPingOut: 2,
      ignoreClusterUpdates: false,
    });
  } catch (error) {
    if (stopped.aborted) return undefined;
    throw error;
  }
}
