import type { IncomingMessage } from 'node:http';
import type { Call } from './transport.ts';

/** Shows a call; tokens and passwords are left out. */
export function traceCall(show: (line: string) => void, call: Call, headers: Record<string, string>): void {
  show(`>>> ${call.method} ${call.path}`);
  for (const [name, value] of Object.entries(headers))
    show(`    ${name}: ${name === 'Authorization' ? '[hidden]' : value}`);
  if (typeof call.body === 'string') show(`    ${hidePasswords(call.body)}`);
  else if (call.body !== undefined) show(`    [${call.body.length} bytes]`);
}

/** Shows an answer as it passes by; the body of a login is left out. */
export function traceAnswer(show: (line: string) => void, response: IncomingMessage): void {
  show(`<<< ${response.statusCode ?? 0} ${response.statusMessage ?? ''}`);
  for (const [name, value] of Object.entries(response.headers)) show(`    ${name}: ${String(value)}`);
}

function hidePasswords(body: string): string {
  return body.replaceAll(/("(?:password|token)"\s*:\s*)"(?:[^"\\]|\\.)*"/gi, '$1"[hidden]"');
}
