import { TunnelError } from './tunnel-error.ts';

/** Nothing was heard for too long. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';

  constructor(ms: number) {
    super(`no answer for ${Math.round(ms / 1000)} s`);
  }
}

const texts: Record<string, string> = {
  ECONNREFUSED: 'nobody listens there',
  ENOTFOUND: 'the name is not known',
  EAI_AGAIN: 'the name cannot be looked up now',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ETIMEDOUT: 'it does not answer',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no network',
};

/** A failure below HTTP. Certificates that cannot be trusted do not become trusted by waiting. */
export function networkError(origin: string, cause: unknown): TunnelError {
  const { code = '', message } = cause as NodeJS.ErrnoException;
  const permanent = /CERT|^ERR_TLS|^ERR_SSL|^ERR_INVALID|SIGNATURE/.test(code);
  const text = texts[code] ?? (message === '' ? code : message);
  return new TunnelError('network', `cannot reach ${origin}: ${text}`, { passing: !permanent, cause });
}
