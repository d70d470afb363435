import { freePort, startProcess, tempDir } from '@vcap/testkit';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { pin, tree } from './tools.ts';
import type { Pair } from './tls.ts';

/** A running nginx with its ports. */
export interface Nginx {
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

const head = (dir: string): string =>
  `worker_processes 1; daemon off; pid ${dir}/nginx.pid; error_log ${dir}/error.log; worker_rlimit_nofile 60000;
events { worker_connections 50000; }
http {
  access_log off; keepalive_requests 1000000000; sendfile on; tcp_nodelay on;
  client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy; fastcgi_temp_path ${dir}/fastcgi;
  uwsgi_temp_path ${dir}/uwsgi; scgi_temp_path ${dir}/scgi;`;

async function run(
  config: (dir: string, port: number) => string,
  prepare?: (dir: string) => Promise<void>,
): Promise<Nginx> {
  const dir = await tempDir('router-bench');
  const port = await freePort();
  await prepare?.(dir.path);
  const file = join(dir.path, 'nginx.conf');
  await writeFile(file, `${head(dir.path)}\n${config(dir.path, port)}\n}\n`);
  const running = await startProcess({
    argv: ['nginx', '-p', dir.path, '-c', file],
    readyWhen: () => reachable(port),
  });
  return {
    pid: running.pid,
    port,
    async stop() {
      await running.kill();
      await dir.remove();
    },
  };
}

function reachable(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** The application: 100 bytes with or without a session cookie, 10 KB, 1 MB. */
export async function startApplication(options: { keepAlive: boolean }): Promise<Nginx> {
  const text = '0123456789'.repeat(10);
  const application = await run(
    (dir, port) => `
  keepalive_timeout ${options.keepAlive ? '300s' : '0'};
  server {
    listen 127.0.0.1:${port} backlog=4096; root ${dir}/files;
    location = / { return 200 "${text}"; }
    location = /session { add_header Set-Cookie "JSESSIONID=0123456789; Path=/"; return 200 "${text}"; }
  }`,
    async (dir) => {
      await mkdir(join(dir, 'files'), { mode: 0o755 });
      await writeFile(join(dir, 'files', '10k'), randomBytes(10_240));
      await writeFile(join(dir, 'files', '1m'), randomBytes(1_048_576));
      await chmod(dir, 0o755);
    },
  );
  pin(tree(application.pid), 1);
  return application;
}

/** Plain nginx as a proxy that forwards what a router forwards; with an access log of the same fields if asked. */
export function startProxy(
  application: number,
  options: { accessLog: boolean; upgrade?: boolean; tls?: Pair },
): Promise<Nginx> {
  const { tls } = options;
  const fields =
    '$host - [$time_iso8601] "$request" $status $content_length $body_bytes_sent "$http_referer" "$http_user_agent" ' +
    '"$remote_addr:$remote_port" "$upstream_addr" x_forwarded_for:"$http_x_forwarded_for" ' +
    'vcap_request_id:"$request_id" response_time:$request_time';
  return run(
    (dir, port) => `
  log_format router '${fields}';
  ${options.accessLog ? `access_log ${dir}/access.log router buffer=64k flush=1s;` : ''}
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  upstream application { server 127.0.0.1:${application}; keepalive 512; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096${tls === undefined ? '' : ' ssl'};
    ${tls === undefined ? '' : `ssl_certificate ${tls.certificate}; ssl_certificate_key ${tls.key}; ssl_protocols TLSv1.2 TLSv1.3;`}
    location / {
      proxy_pass http://application; proxy_http_version 1.1;
      proxy_set_header Connection ${options.upgrade === true ? '$connection_upgrade' : '""'};
      ${options.upgrade === true ? 'proxy_set_header Upgrade $http_upgrade;' : ''}
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Request-Start $msec; proxy_set_header X-Vcap-Request-Id $request_id;
      add_header X-Vcap-Request-Id $request_id;
      proxy_buffering off; proxy_buffers 8 64k; proxy_buffer_size 64k; proxy_busy_buffers_size 128k;
    }
  }`,
  );
}
