import { freePort, startProcess, tempDir } from '@vcap/testkit';
import { chmod, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';

/** Plain nginx in front of routers, as an operator would set it up: what a router refuses goes to the next. */
export async function startBalancer(
  routers: readonly number[],
): Promise<{ port: number; stop(): Promise<void> }> {
  const dir = await tempDir('router-balancer');
  await chmod(dir.path, 0o755);
  const port = await freePort();
  const temps = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${dir.path}/${name};`)
    .join(' ');
  const servers = routers.map((each) => `server 127.0.0.1:${each} max_fails=0;`).join(' ');
  const file = join(dir.path, 'nginx.conf');
  await writeFile(
    file,
    `daemon off; worker_processes 1; pid ${dir.path}/nginx.pid; error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off; ${temps}
  upstream routers { ${servers} keepalive 64; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://routers; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
      proxy_connect_timeout 5s; proxy_next_upstream error timeout;
    }
  }
}
`,
  );
  const running = await startProcess({
    argv: ['nginx', '-p', dir.path, '-c', file],
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` },
    readyWhen: () =>
      new Promise((resolve) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.destroy();
          resolve(true);
        });
        socket.on('error', () => resolve(false));
      }),
  });
  return {
    port,
    async stop() {
      await running.stop();
      await dir.remove();
    },
  };
}
