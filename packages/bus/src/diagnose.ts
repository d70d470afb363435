import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { hostOf, isSecure } from './bus-tls.ts';
import type { BusTls } from './bus-tls.ts';

const patienceMs = 3000;

interface Info {
  tls_required?: boolean;
  tls_available?: boolean;
  tls_verify?: boolean;
}

/**
 * Looks why a server cannot be used: as far as to a connection of the wanted kind, without credentials. Undefined: nothing
 * is wrong so far. The client itself says nothing while it goes on trying. Never rejects; the answer holds no secret.
 */
export async function diagnose(server: string, tls: BusTls = {}): Promise<string | undefined> {
  const url = new URL(server);
  let files: ConnectionOptions;
  try {
    files = isSecure(server) ? await read(tls) : {};
  } catch (error) {
    return `a file of mbus_tls cannot be read: ${(error as Error).message}`;
  }
  const socket = connect({ host: hostOf(url), port: Number(url.port || 4222) });
  socket.setTimeout(patienceMs, () => socket.destroy(new Error('no answer')));
  try {
    const info = await infoOf(socket);
    if (!isSecure(server))
      return info.tls_required === true
        ? 'it wants TLS: write tls:// in mbus, and mbus_tls.ca_file'
        : undefined;
    if (info.tls_required !== true && info.tls_available !== true)
      return 'it offers no TLS: give it a tls block, or write nats:// in mbus';
    if (info.tls_verify === true && tls.certFile === undefined)
      return 'it wants a certificate of ours: set mbus_tls.cert_file and key_file';
    await handshake(socket, hostOf(url), files);
    return undefined;
  } catch (error) {
    return reasonOf(error as NodeJS.ErrnoException, url.hostname, tls);
  } finally {
    socket.destroy();
  }
}

async function read({ caFile, certFile, keyFile }: BusTls): Promise<ConnectionOptions> {
  return {
    ...(caFile === undefined ? {} : { ca: await readFile(caFile) }),
    ...(certFile === undefined ? {} : { cert: await readFile(certFile) }),
    ...(keyFile === undefined ? {} : { key: await readFile(keyFile) }),
  };
}

/** The first line that a server says. */
function infoOf(socket: Socket): Promise<Info> {
  return new Promise((resolve, reject) => {
    let said = '';
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('it closed the connection')));
    const onData = (data: Buffer): void => {
      said += data.toString('latin1');
      const [, json] = /^INFO (.*)\r?\n/.exec(said) ?? [];
      if (json === undefined && said.length < 65_536) return;
      socket.off('data', onData);
      socket.pause();
      const info = parsed(json);
      if (info === undefined) reject(new Error('it is no NATS server'));
      else resolve(info);
    };
    socket.on('data', onData);
  });
}

function parsed(json = ''): Info | undefined {
  try {
    return JSON.parse(json) as Info;
  } catch {
    return undefined;
  }
}

/** Until it answers through TLS: that it does not like our certificate, it says only then. */
function handshake(socket: Socket, host: string, files: ConnectionOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const secured = connectTls({ ...files, socket, host, servername: isName(host) ? host : '' }, () => {
      secured.write('CONNECT {"verbose":false}\r\nPING\r\n');
    });
    secured.once('data', () => resolve());
    secured.once('error', reject);
    secured.once('close', () => reject(new Error('it closed the connection')));
  });
}

const isName = (host: string): boolean => !/^[\d.]+$|:/.test(host);

function reasonOf(error: NodeJS.ErrnoException, host: string, { caFile }: BusTls): string {
  const { code = '', message } = error;
  if (/SELF_SIGNED|ISSUER|VERIFY_LEAF/.test(code))
    return `its certificate is from no authority in ${caFile ?? "the system's list"} (${code})`;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `its certificate is not for ${host} (${code})`;
  if (/^CERT_|_EXPIRED/.test(code)) return `its certificate cannot be used: ${message} (${code})`;
  if (/ALERT|SSL/.test(code)) return `it refuses our certificate or our way of TLS (${code})`;
  if (code === 'ECONNREFUSED') return 'nobody listens there (ECONNREFUSED)';
  return code === '' ? message : `${message} (${code})`;
}
