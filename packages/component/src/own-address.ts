import { createSocket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { systemClock, withDeadline } from '@vcap/clock';

const patienceMs = 3000;

/**
 * The address that this host would speak to the bus from, so that a host with several networks advertises the right one.
 * Nothing is sent. When no server's name is known yet: the first address that is not loopback.
 */
export async function ownAddress(mbus: readonly string[]): Promise<string> {
  for (const server of mbus) {
    const address = await addressTowards(new URL(server)).catch(() => undefined);
    if (address !== undefined) return address;
  }
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? '127.0.0.1';
}

async function addressTowards({ hostname, port }: URL): Promise<string> {
  const socket = createSocket('udp4');
  try {
    const connected = new Promise<string>((resolve, reject) => {
      socket.once('error', reject);
      socket.once('connect', () => resolve(socket.address().address));
      socket.connect(Number(port) || 4222, hostname);
    });
    return await withDeadline(systemClock, patienceMs, `the address of ${hostname}`, connected);
  } finally {
    socket.close();
  }
}
