import { readFileSync } from 'node:fs';
import { startTcp } from './servers.ts';
import type { Started } from './servers.ts';

const recording = JSON.parse(
  readFileSync(new URL('../recordings/mysql-login.json', import.meta.url), 'utf8'),
) as Record<string, string>;

/** Bytes of the recorded login by name: greeting, login, ok, query, result, quit. */
export function bytesOf(name: string): Buffer {
  const hex = recording[name];
  if (hex === undefined) throw new Error(`nothing is recorded as ${name}`);
  return Buffer.from(hex, 'hex');
}

/** Greets, and answers the recorded login, query and quit; anything else ends the connection. */
export function startScriptedMysql(): Promise<Started> {
  const replies: [said: Buffer, reply: Buffer | undefined][] = [
    [bytesOf('login'), bytesOf('ok')],
    [bytesOf('query'), bytesOf('result')],
    [bytesOf('quit'), undefined],
  ];
  return startTcp((socket) => {
    socket.write(bytesOf('greeting'));
    let heard = Buffer.alloc(0);
    let at = 0;
    socket.on('end', () => socket.end());
    socket.on('data', (piece) => {
      heard = Buffer.concat([heard, piece]);
      const [said, reply] = replies[at] ?? [];
      if (said === undefined || heard.length < said.length) return;
      const right = heard.equals(said);
      heard = Buffer.alloc(0);
      at += 1;
      if (!right) socket.destroy();
      else if (reply === undefined) socket.end();
      else socket.write(reply);
    });
  });
}
