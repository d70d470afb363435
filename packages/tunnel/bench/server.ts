/** The server half as a process of its own: `server.ts <allowed port>...`; tells its port, and its memory when asked. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '@vcap/clock';
import { TunnelServer } from '../src/index.ts';

const allowed = new Set(process.argv.slice(2).map(Number));
const tunnels = new TunnelServer({
  clock: systemClock,
  authorise: () => ({ owner: 'bench', allows: ({ port }) => allowed.has(port) }),
});
const server = createServer((request, response) => {
  tunnels.handle(request, response, () => {
    response.setHeader('Content-Type', 'application/json');
    if (request.url === '/info') {
      response.end(JSON.stringify({ version: '0.0.4', transports: ['websocket', 'http'], half_close: true }));
    } else if (request.url === '/memory') {
      const { rss, heapUsed, external } = process.memoryUsage();
      response.end(JSON.stringify({ rss, used: heapUsed + external, buffered: tunnels.registry.buffered }));
    } else response.writeHead(404).end();
  });
});
server.on('upgrade', (request, socket, head) => tunnels.upgrade(request, socket, head));
tunnels.start();
process.on('SIGINT', () => process.exit(0));
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`);
});
