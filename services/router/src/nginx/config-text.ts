import { randomBytes } from 'node:crypto';
import { ownerText } from '../access-record.ts';
import type { PlaneSettings } from '../plane/context.ts';
import { controlPaths } from './control.ts';
import type { ServedPair } from './pairs.ts';
import { mostKept } from './settings.ts';
import { visitors } from './visitors-text.ts';

/** What an nginx configuration is made of. */
export interface ConfigFacts {
  readonly directory: string;
  /** Where Debian puts modules. */
  readonly modules: string;
  /** Our Lua. */
  readonly lua: string;
  /** The account of the workers; undefined where nginx may not choose. */
  readonly user: string | undefined;
  readonly workers: number;
  readonly routesMb: number;
  readonly listen: { readonly address: string; readonly reusePort: boolean };
  readonly tls: { readonly address: string; readonly pairs: readonly ServedPair[] } | undefined;
  readonly proxyProtocol: boolean;
  readonly accessLog: string | undefined;
  readonly settings: PlaneSettings;
  readonly drainTimeoutMs: number;
}

/** The sockets and files of a directory. */
export const filesOf = (
  directory: string,
): Record<'config' | 'settings' | 'pid' | 'uls' | 'control' | 'temp', string> => ({
  config: `${directory}/nginx.conf`,
  settings: `${directory}/settings.json`,
  pid: `${directory}/nginx.pid`,
  uls: `${directory}/uls.sock`,
  control: `${directory}/control.sock`,
  temp: `${directory}/temp`,
});

/** A text as nginx takes it: nothing in it may end it or be taken for a variable. */
function quoted(text: string): string {
  if (/[\0\r\n$]/.test(text)) throw new Error(`nginx cannot be given ${JSON.stringify(text)}`);
  return `"${text.replace(/["\\]/g, String.raw`\$&`)}"`;
}

const ms = (value: number): string => `${Math.max(1, Math.round(value))}ms`;
const seconds = (value: number): string => `${Math.max(1, Math.ceil(value / 1000))}s`;

function http(facts: ConfigFacts): string {
  const { directory, settings, lua, routesMb } = facts;
  // Traces begin here, so one name for our part in them will do.
  const span = randomBytes(8).toString('hex');
  const files = filesOf(directory);
  const temps = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${quoted(`${files.temp}/${name}`)};`)
    .join(' ');
  return `
  ${temps}
  lua_package_path ${quoted(`${lua}/?.lua;${lua}/?/init.lua;;`)};
  lua_shared_dict vcap_routes ${routesMb}m;
  lua_shared_dict vcap_health 1m;
  lua_shared_dict vcap_meta 100k;
  lua_socket_log_errors off;
  lua_max_running_timers 16;
  init_by_lua_block { vcap = require "vcap"; vcap.init(${JSON.stringify(files.settings)}) }
  init_worker_by_lua_block { vcap.init_worker() }
  log_by_lua_block { vcap.log() }

  server_tokens off; tcp_nodelay on; sendfile off;
  keepalive_timeout ${seconds(settings.clientKeepAliveMs)}; keepalive_requests 1000000000;
  client_header_timeout ${seconds(settings.requestHeaderMs)}; client_body_timeout ${seconds(settings.responseMs)};
  send_timeout ${seconds(settings.idleMs)};
  client_max_body_size 0; client_body_buffer_size 64k;
  client_header_buffer_size 4k; large_client_header_buffers 16 ${Math.ceil(settings.maxHeaderBytes / 1024)}k;
  underscores_in_headers on; ignore_invalid_headers off; merge_slashes off; absolute_redirect off;
  proxy_buffering off; proxy_request_buffering off; proxy_max_temp_file_size 0;
  proxy_buffer_size 64k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k;
  proxy_connect_timeout ${ms(settings.connectMs)}; proxy_read_timeout ${ms(settings.responseMs)};
  proxy_send_timeout ${ms(settings.idleMs)}; proxy_socket_keepalive on;
  proxy_next_upstream error timeout invalid_header; proxy_next_upstream_tries 0;
  proxy_next_upstream_timeout ${ms(settings.retryBudgetMs)};
  proxy_redirect off; proxy_pass_header Server; proxy_pass_header Date; proxy_hide_header X-CF-Proxy-Signature;
  proxy_hide_header Proxy-Authenticate; recursive_error_pages on;
  proxy_pass_header X-Accel-Buffering; proxy_pass_header X-Accel-Charset; proxy_pass_header X-Accel-Expires;
  proxy_pass_header X-Accel-Limit-Rate; proxy_pass_header X-Accel-Redirect;
  proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset
    Expires Cache-Control Set-Cookie Vary;
  map_hash_bucket_size 128; variables_hash_max_size 2048; proxy_headers_hash_max_size 1024;
  proxy_headers_hash_bucket_size 128;

  map $http_x_forwarded_proto $vcap_proto { default $http_x_forwarded_proto; "" $scheme; }
  map $http_x_forwarded_host $vcap_forwarded_host { default $http_x_forwarded_host; "" $vcap_host; }
  map $http_x_request_start $vcap_start { default $http_x_request_start; "" $vcap_msec; }
  map $http_x_request_id $vcap_request { default $http_x_request_id; "" $request_id; }
  map $http_traceparent $vcap_traceparent {
    default 00-$request_id-${span}-01; "" 00-$request_id-${span}-01;
    "~^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$" $http_traceparent;
  }
  map $upstream_http_connection $vcap_hop { default x; "" ""; keep-alive ""; close ""; }
  map $upstream_http_set_cookie$upstream_http_transfer_encoding$vcap_hop $vcap_odd { default x; "" ""; }
  map $upstream_http_x_vcap_request_id $vcap_answer_id { default ""; "" $request_id; }

  upstream vcap_kept {
    server 0.0.0.1; balancer_by_lua_block { vcap.balance() }
    keepalive ${mostKept}; keepalive_requests 1000000000; keepalive_timeout ${ms(settings.backendKeepAliveMs)};
  }
  upstream vcap_fresh { server 0.0.0.1; balancer_by_lua_block { vcap.balance() } }
`;
}

/** A line of the access log: the same fields as the Node plane's (`formatAccessRecord`). */
const logFields =
  '$http_host - [$vcap_time] "$request" $status $vcap_sent_bytes $body_bytes_sent "$http_referer" "$http_user_agent" ' +
  '"$remote_addr:$remote_port" "$upstream_addr" x_forwarded_for:"$http_x_forwarded_for" ' +
  'x_forwarded_proto:"$http_x_forwarded_proto" vcap_request_id:"$request_id" ' +
  'response_time:${request_time}000 gorouter_time:- ' +
  `${ownerText({ app: '$vcap_app', index: '$vcap_index', instanceId: '$vcap_instance' })} ` +
  'x_cf_routererror:"$vcap_logged_error"';

/**
 * For the router alone: news of routes, and how many connections are open. On a unix socket in the router's own
 * directory, which nobody but it and nginx's workers may enter; no visitor's port leads here.
 */
const control = (socket: string): string => `
  server {
    listen ${quoted(`unix:${socket}`)}; access_log off; log_by_lua_block { }
    client_body_buffer_size 8m;
    location = ${controlPaths.push} { content_by_lua_block { vcap.push() } }
    location = ${controlPaths.status} { stub_status; }
  }`;

/** The whole configuration. */
export function configText(facts: ConfigFacts): string {
  const { directory, modules, user, workers, listen, tls, proxyProtocol, accessLog, drainTimeoutMs } = facts;
  const files = filesOf(directory);
  const options = `${proxyProtocol ? ' proxy_protocol' : ''} backlog=4096${listen.reusePort ? ' reuseport' : ''}`;
  const log =
    accessLog === undefined
      ? 'access_log off;'
      : `log_format vcap '${logFields}';
  map $content_length $vcap_sent_bytes { default $content_length; "" 0; }
  map $vcap_error $vcap_logged_error { default $vcap_error; "" -; }
  access_log ${quoted(accessLog === '-' ? '/dev/stdout' : accessLog)} vcap buffer=64k flush=250ms;`;
  const origin = proxyProtocol
    ? 'real_ip_header proxy_protocol; set_real_ip_from 0.0.0.0/0; set_real_ip_from ::/0;'
    : '';
  const secure = (tls?.pairs ?? []).map(
    ({ certificate, key, names, fallback }) => `
  server {
    listen ${tls?.address ?? ''} ssl http2${fallback ? ` default_server${options}` : proxyProtocol ? ' proxy_protocol' : ''};
    server_name ${names.length === 0 ? '_' : names.map(quoted).join(' ')};
    ssl_certificate ${quoted(certificate)}; ssl_certificate_key ${quoted(key)};${visitors(true)}
  }`,
  );
  return `# Written by the router; changes are lost.
load_module ${quoted(`${modules}/ndk_http_module.so`)};
load_module ${quoted(`${modules}/ngx_http_lua_module.so`)};
${user === undefined ? '' : `user ${user};\n`}worker_processes ${workers};
worker_rlimit_nofile 65536;
worker_shutdown_timeout ${seconds(drainTimeoutMs)};
daemon off;
pcre_jit on;
pid ${quoted(files.pid)};
error_log stderr error;
env TZ=UTC;
events { worker_connections 32768; }
http {${http(facts)}
  ${log}
  ${origin}${control(files.control)}
  server {
    listen ${listen.address} default_server${options};${visitors(false)}
  }${secure.join('')}
}
`;
}
