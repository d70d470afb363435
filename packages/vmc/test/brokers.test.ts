import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { folder } from './support/temp.ts';
import { vmc } from './support/vmc.ts';

let server: Server;
let broker: string;
let calls: { call: string; token: unknown; body: string }[];
beforeEach(async () => {
  calls = [];
  server = createServer((request, response) => {
    void buffer(request).then((body) => {
      const token = request.headers['x-vcap-service-token'];
      calls.push({ call: `${request.method} ${request.url}`, token, body: body.toString() });
      if (token === 'sesame') return response.end('{}');
      return response.writeHead(401).end('{"code":30100,"description":"Not authorized"}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  broker = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.close();
});

const file = `label: hr-2.0
description: HR
options:
  - name: rw
    credentials: { conn: 'postgresql://u:p@h/d' }
`;

test('a service is registered with a broker and removed; the token is in no argument', async () => {
  const home = await folder({ 'hr.yml': file });
  const env = { SERVICE_BROKER_TOKEN: 'sesame' };
  const made = await vmc(['register-service', 'hr.yml', '--broker', broker, '-t'], { home, env });
  expect(made).toMatchObject({ status: 0 });
  expect(made.out + made.err).not.toMatch(/sesame|postgresql/);
  expect(JSON.parse(calls[0]?.body ?? '')).toEqual({
    label: 'hr-2.0',
    description: 'HR',
    options: [{ name: 'rw', credentials: { conn: 'postgresql://u:p@h/d' } }],
  });
  const asked = await vmc(['unregister-service', 'hr-2.0', '--broker', broker], { home, input: 'sesame\n' });
  expect(asked.status).toBe(0);
  expect(calls.map(({ call, token }) => [call, token])).toEqual([
    ['POST /service-broker/v1/offerings', 'sesame'],
    ['DELETE /service-broker/v1/offerings/hr-2.0', 'sesame'],
  ]);
});

test.each([
  [['register-service', 'hr.yml'], /The broker is missing/],
  [['register-service', 'none.yml', '--broker', 'x'], /cannot be read/],
  [['register-service', 'bad.yml', '--broker', 'x'], /describes no service/],
  [['unregister-service'], /label.*is missing/],
])('%j is refused', async (words, message) => {
  const home = await folder({ 'hr.yml': file, 'bad.yml': 'label: 5' });
  const { status, err } = await vmc(words, { home, env: { SERVICE_BROKER_TOKEN: 'sesame' } });
  expect(status).toBeGreaterThan(0);
  expect(err).toMatch(message);
});

test('the broker’s own refusal is told', async () => {
  const home = await folder({ 'hr.yml': file });
  const env = { SERVICE_BROKER_TOKEN: 'guess' };
  const { status, err } = await vmc(['register-service', 'hr.yml', '--broker', broker], { home, env });
  expect([status, err]).toEqual([1, expect.stringMatching(/30100: Not authorized/)]);
});
