import { codeHeader, instanceHeader, routerErrorHeader } from '../wire/headers.ts';
import type { Answer } from './caller.ts';
import { TunnelError } from './tunnel-error.ts';

const header = (answer: Pick<Answer, 'headers'>, name: string): string | undefined => {
  const value = answer.headers[name];
  return typeof value === 'string' ? value : undefined;
};

/** The process that answered, when it was one of ours. */
export const answeredBy = (answer: Pick<Answer, 'headers'>): string | undefined =>
  header(answer, instanceHeader);

/** What one of ours said was wrong. */
export const codeOf = (answer: Pick<Answer, 'headers'>): string | undefined => header(answer, codeHeader);

/** Whether the answer says that the tunnel is not there: not a router's 404, nor that of a refused token. */
export function isUnknownTunnel(answer: Answer): boolean {
  if (answer.status !== 404 || header(answer, routerErrorHeader) !== undefined) return false;
  return codeOf(answer) === 'unknown-tunnel' || /^tunnel \S+ does not exist/.test(text(answer));
}

/** Turns an answer that is no success into an error that names the hop it came from. */
export function judge(origin: string, answer: Answer): TunnelError {
  const routerError = header(answer, routerErrorHeader);
  if (routerError !== undefined) return routerJudgement(origin, routerError, answer.status);
  const code = codeOf(answer);
  const said = text(answer);
  switch (code) {
    case 'tunnel-ended':
      return new TunnelError('caldecott', said);
    case 'destination-refused':
      return new TunnelError('service', said);
    case 'destination-closed':
      return new TunnelError('service', said);
    case 'destination-stalled':
    case 'too-many-requests':
      return new TunnelError('service', said, { passing: true });
    case 'too-many-tunnels':
      return new TunnelError('caldecott', said, { passing: true });
    default:
  }
  if (code !== undefined) return new TunnelError('caldecott', `${answer.status} ${said}`);
  if (answer.status === 404) {
    const text404 = `${origin} refused the token, or is no caldecott (404)`;
    return new TunnelError('caldecott', text404, {
      passing: answeredBy(answer) === undefined && said !== '',
    });
  }
  if ([502, 503, 504].includes(answer.status)) {
    const text5xx = `something between here and caldecott answered ${answer.status}`;
    return new TunnelError('router', text5xx, { passing: true });
  }
  return new TunnelError('caldecott', `answered ${answer.status} ${said}`, { passing: answer.status >= 500 });
}

function routerJudgement(origin: string, routerError: string, status: number): TunnelError {
  const { host } = new URL(origin);
  const texts: Record<string, string> = {
    unknown_route: `no application is mapped to ${host}`,
    no_endpoints: `no instance of the application at ${host} runs now`,
    endpoint_failure: `the instance behind ${host} failed`,
    endpoint_timeout: `the instance behind ${host} did not answer in time`,
  };
  const text = texts[routerError] ?? `it answered ${status} (${routerError})`;
  return new TunnelError('router', text, { passing: true });
}

function text({ body }: Answer): string {
  return body.subarray(0, 300).toString().trim();
}
