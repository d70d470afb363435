import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** Puts `NAME.crt` and `NAME.key` for a host into a directory. */
export function makePair(directory: string, name: string, host: string): void {
  const [key, certificate] = [join(directory, `${name}.key`), join(directory, `${name}.crt`)];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
  const subject = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`];
  const files = ['-keyout', key, '-out', certificate];
  execFileSync('openssl', ['req', '-x509', ...curve, ...subject, ...files], { stdio: 'ignore' });
}
