import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** Answers routers as a DEA does: which instances hold their ports. Gives its port. */
export function startWitness(holds: (port: number, id: string) => boolean): Promise<number> {
  const server = createServer((request, response) => {
    void text(request).then((question) => {
      const { instances } = JSON.parse(question) as { instances: Record<string, string> };
      const held = Object.entries(instances).filter(([port, id]) => holds(Number(port), id));
      response.end(JSON.stringify({ held: held.map(([port]) => Number(port)) }));
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
