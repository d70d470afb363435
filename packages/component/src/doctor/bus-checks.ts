import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { Bus, diagnose, vcapComponentDiscover, vcapComponentReach } from '@vcap/bus';
import type { BusTls } from '@vcap/bus';
import { systemClock, withDeadline } from '@vcap/clock';
import { pino } from 'pino';
import { parseTimeText, parseUptimeText } from '../texts.ts';
import type { Finding } from './finding.ts';

const busPatienceMs = 5000;
const answersMs = 2500;
const mostSkewSeconds = 5;

/** Connects with these credentials and asks something there; the connection itself is the first finding. */
export async function withBus(
  servers: string[],
  tls: BusTls | undefined,
  what: string,
  ask?: (bus: Bus) => Promise<Finding[]>,
): Promise<Finding[]> {
  const bus = new Bus({ servers, tls, name: 'doctor', log: pino({ level: 'silent' }), clock: systemClock });
  try {
    await withDeadline(systemClock, busPatienceMs, 'connecting', bus.start());
    return [{ what, outcome: 'ok' }, ...((await ask?.(bus)) ?? [])];
  } catch (error) {
    const reasons = await Promise.all(servers.map((server) => diagnose(server, tls)));
    const seen = servers.flatMap((server, at) => {
      const why = reasons[at];
      return why === undefined ? [] : [`${new URL(server).host}: ${why}`];
    });
    const detail = error instanceof Error ? error.message : String(error);
    return [{ what, outcome: 'bad', detail: seen.length > 0 ? seen.join('; ') : detail }];
  } finally {
    await bus.stop();
  }
}

/** Opens a port at the address to be advertised and asks everyone to connect to it. */
export async function askOthers(bus: Bus, ip: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  const door = createServer((socket) => socket.destroy());
  try {
    const port = await listen(door, ip);
    const answers = await bus.request(
      vcapComponentReach,
      { address: ip, port },
      { timeoutMs: answersMs, max: 1000 },
    );
    if (answers.length === 0)
      findings.push({ what: `others reach ${ip}`, outcome: 'skipped', detail: 'no component answered' });
    for (const { type, index, host, reached, error } of answers)
      findings.push({
        what: `${type} ${index ?? 0} at ${host} reaches ${ip}`,
        outcome: reached ? 'ok' : 'bad',
        ...(error === undefined ? {} : { detail: error }),
      });
  } catch (error) {
    findings.push({
      what: `others reach ${ip}`,
      outcome: 'bad',
      detail: error instanceof Error ? error.message : String(error),
    });
  } finally {
    door.close();
  }
  for (const { type, host, start, uptime } of await bus.request(vcapComponentDiscover, undefined, {
    timeoutMs: answersMs,
    max: 1000,
  })) {
    const theirs = parseTimeText(start);
    const up = uptime === undefined ? undefined : parseUptimeText(uptime);
    if (theirs === undefined || up === undefined) continue;
    const skew = Math.round((systemClock.now() - (theirs + up)) / 1000);
    if (Math.abs(skew) > mostSkewSeconds)
      findings.push({ what: `clocks: ${type} at ${host}`, outcome: 'bad', detail: `differs by ${skew} s` });
  }
  if (!findings.some(({ what }) => what.startsWith('clocks')))
    findings.push({ what: 'clocks agree', outcome: 'ok' });
  return findings;
}

function listen(server: Server, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, () => resolve((server.address() as AddressInfo).port));
  });
}
