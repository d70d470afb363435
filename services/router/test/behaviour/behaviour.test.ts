import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { waitFor } from '@vcap/testkit';
import { nginxLacks } from '../support/nginx.ts';
import { startRouter } from '../support/router-under-test.ts';
import type { Case } from './case.ts';
import { answers } from './cases/answers.ts';
import { bodies } from './cases/bodies.ts';
import { hostile } from './cases/hostile.ts';
import { requests } from './cases/requests.ts';
import { nginxLimits } from './nginx-limits.ts';
import { play } from './play.ts';
import { startStage } from './stage.ts';
import type { Stage } from './stage.ts';

const echoHosts = ['echo.test', '*.wild.test', '[2001:db8::1]'];
const groups = { requests, bodies, answers, hostile } as const;

/**
 * The table is for any router: with BEHAVIOUR_PORT it runs against one that is there already, and that sends `echo.test`
 * and the others to BEHAVIOUR_ECHO_PORT and `raw.test` to BEHAVIOUR_RAW_PORT.
 */
const elsewhere = process.env['BEHAVIOUR_PORT'];
const lacking = nginxLacks();
const onNginx: [string, Record<string, unknown>] = ['on nginx', { dataplane: 'nginx' }];
const routers: readonly [string, Record<string, unknown>][] =
  elsewhere === undefined
    ? [
        ['on handles', { transport: 'handles' }],
        ['on sockets', { transport: 'sockets' }],
        ...(lacking === undefined ? [onNginx] : []),
      ]
    : [[`on port ${elsewhere}`, {}]];

if (lacking !== undefined) say(`The nginx plane is not tried: ${lacking}.`);

describe.each(routers)('a router %s', (_name, settings) => {
  const limits = settings === onNginx[1] ? nginxLimits : [];
  for (const { reason, cases } of limits) say(`${reason}: left out ${cases.join(', ')}`);
  const left = new Set(limits.flatMap(({ cases }) => cases));
  let stage: Stage;
  let port: number;
  let stop = async (): Promise<void> => undefined;
  let nextId = 1000;
  beforeAll(async () => {
    if (elsewhere !== undefined) {
      port = Number(elsewhere);
      stage = await startStage(
        Number(process.env['BEHAVIOUR_ECHO_PORT']),
        Number(process.env['BEHAVIOUR_RAW_PORT']),
      );
      return;
    }
    stage = await startStage();
    const router = await startRouter(settings);
    await router.register({ port: stage.echoPort, uris: echoHosts, app: 'echo' });
    await router.register({ port: stage.rawPort, uris: ['raw.test'], app: 'raw' });
    ({ port } = router);
    stop = () => router.stop();
  });
  afterAll(async () => {
    await stop();
    await stage.stop();
  });

  describe.each(Object.entries(groups))('%s', (_group, cases) => {
    test.each(cases.filter(({ name }) => !left.has(name)).map((one) => [one.name, one] as const))(
      '%s',
      async (_case, one) => {
        nextId += 1;
        await verify(port, stage, one, nextId);
      },
    );
  });

  test('every case that is left out is one of the table', () => {
    const names = new Set(Object.values(groups).flatMap((cases) => cases.map(({ name }) => name)));
    expect([...left].filter((name) => !names.has(name))).toEqual([]);
  });

  test('no request that was hidden in another has reached the backend', () => {
    expect(stage.seen.filter(({ url }) => url.includes('smuggled'))).toEqual([]);
  });
});

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function verify(port: number, stage: Stage, one: Case, id: number): Promise<void> {
  const { expect: wanted } = one;
  const played = await play(port, one, id);
  const statuses = played.answers.map(({ status }) => status);
  expect(statuses).toEqual(
    wanted.statuses.map((each, i) =>
      typeof each === 'number' ? each : each.includes(statuses[i] ?? 0) ? statuses[i] : each,
    ),
  );
  if (wanted.closed !== undefined) expect(played.closed).toBe(wanted.closed);
  if (wanted.cut !== true) expect(played.rest).toBe('');
  const [first] = played.answers;
  if (first !== undefined) {
    // An answer that breaks off before any of it was passed on may still become an error of the router's own.
    const cut = wanted.cut === true && first.status === 200;
    if (wanted.statuses.length > 0) expect(first.complete).toBe(!cut);
    if (cut) expect(played.closed).toBe(true);
    if (wanted.head !== undefined) expect(first.head).toMatch(wanted.head);
    if (wanted.notHead !== undefined) expect(first.head).not.toMatch(wanted.notHead);
    if (typeof wanted.body === 'string') expect(first.body).toBe(wanted.body.replaceAll('{id}', `${id}`));
    if (first.status >= 400 && wanted.reached === undefined)
      expect(first.head).toMatch(/\r\n(Date|X-Cf-RouterError|Server): /i);
  }
  const own = () =>
    stage.seen.filter(({ url, headers }) => url.includes(`${id}`) || headers['x-case'] === `${id}`);
  const reached = wanted.reached ?? [];
  if (own().length < reached.length) await waitFor(() => own().length >= reached.length);
  const seen = own();
  if (reached.length > 0 || wanted.reached === undefined) expect(seen).toHaveLength(reached.length);
  for (const [i, check] of reached.entries()) {
    const got = seen[i]!;
    if (check.method !== undefined) expect(got.method).toBe(check.method);
    if (check.url !== undefined) expect(got.url).toBe(check.url.replaceAll('{id}', `${id}`));
    if (check.body !== undefined) expect(got.body === check.body.replaceAll('{id}', `${id}`)).toBe(true);
    for (const [name, value] of Object.entries(check.headers ?? {})) expect(got.headers[name]).toBe(value);
    for (const [name, value] of Object.entries(check.trailers ?? {})) expect(got.trailers[name]).toBe(value);
  }
}
