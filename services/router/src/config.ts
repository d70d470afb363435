import { baseConfigShape } from '@vcap/component';
import { z } from 'zod';

const seconds = (value: number): z.ZodDefault<z.ZodNumber> => z.number().positive().default(value);
const port = z.int().min(0).max(65_535);

/** The router's configuration file. Durations are seconds and may be fractions. */
export const configSchema = z.strictObject({
  ...baseConfigShape,
  /** Address the traffic port is bound to. */
  ip: z.string().default('0.0.0.0'),
  /** Traffic port; 0 takes a free one, told in the log and in /varz as `port`. */
  port: port.default(8081),
  /** Processes that serve visitors; 0: this one does it itself. */
  workers: z.int().min(0).max(256).default(0),
  /** Who carries requests: our own plane, or Debian's nginx with Lua, which asks this process. */
  dataplane: z.enum(['node', 'nginx']).default('node'),
  /** For `dataplane: nginx`. */
  nginx: z
    .strictObject({
      program: z.string().min(1).default('nginx'),
      /** Where its Lua modules are (Debian: libnginx-mod-http-lua). */
      modules: z.string().min(1).default('/usr/lib/nginx/modules'),
      /** For its configuration, sockets and pid: this router's alone. */
      directory: z.string().min(1).default('/var/lib/vcap/router-nginx'),
      /** The account of its workers, when the router is root. */
      user: z
        .string()
        .regex(/^[\w-]+$/)
        .default('www-data'),
      workers: z.int().min(1).max(256).default(1),
      /** Memory for what it has learned of routes; the least used go first. */
      routes_mb: z.int().min(1).max(4096).default(64),
    })
    .prefault({}),
  /** Visitors over TLS, HTTP/2 among them; absent: none. */
  tls: z
    .strictObject({
      port: port.default(443),
      /** Pairs of `NAME.crt` and `NAME.key` in PEM; `default` for names that no other is for. Changes are seen. */
      certificates: z.string().min(1),
    })
    .optional(),
  /** Load balancers begin every connection with the Proxy Protocol (1 or 2), and say where the visitor is. */
  proxy_protocol: z.boolean().default(false),
  /** Lets another router listen on the same port, so that it can take over. */
  reuse_port: z.boolean().default(false),
  /** Port of `GET /health` without credentials; absent: closed. */
  health_port: port.optional(),
  /** File the access log is appended to, `-` for standard output; absent: none. */
  access_log: z.string().min(1).optional(),
  /** Session cookies whose appearance makes a visitor stick to an instance. */
  sticky_session_cookie_names: z.array(z.string().min(1)).default(['JSESSIONID']),
  /** Request line and headers together, in KB; more is answered 431. */
  max_header_kb: z.int().min(1).max(1024).default(64),
  timeouts: z
    .strictObject({
      /** For a visitor to send the head of a request. */
      request_header_seconds: seconds(60),
      /** For a backend to accept a connection. */
      connect_seconds: seconds(5),
      /** For a backend to begin its answer. */
      response_seconds: seconds(900),
      /** Without a byte in either direction once an answer has begun; tunnels are probed by TCP instead. */
      idle_seconds: seconds(900),
      /** An idle connection of a visitor. */
      client_keep_alive_seconds: seconds(75),
      /** An idle connection to a backend. */
      backend_keep_alive_seconds: seconds(60),
      /** For an answer to begin, or to go on, when the visitor has ended its side of the connection. */
      half_closed_seconds: seconds(1),
      /** For all attempts to connect to backends together. */
      retry_budget_seconds: seconds(10),
    })
    .prefault({}),
  /** From one `router.start` to the next. */
  start_interval_seconds: seconds(30),
  /** On the return of the bus routers ask at some time within this, so that not all answers come at once. */
  return_spread_seconds: z.number().min(0).default(5),
  /** From asking for routes to letting visitors in, so that the table is filled. */
  start_delay_seconds: z.number().min(0).default(0),
  /** How often senders are asked to repeat their routes. */
  register_interval_seconds: seconds(5),
  drain: z
    .strictObject({
      /** From health saying 503 to the end of accepting. */
      wait_seconds: z.number().min(0).default(0),
      /** How long running requests and tunnels get after that. */
      timeout_seconds: z.number().min(0).default(10),
    })
    .prefault({}),
  /** Requests and tunnels that run on one backend at most; more get another, or 503. 0: no limit. */
  backend_max_requests: z.int().min(0).default(0),
  balance: z
    .strictObject({
      policy: z.enum(['least-connections', 'round-robin', 'hash']).default('least-connections'),
      /** The header that `hash` goes by. */
      hash_header: z
        .string()
        .regex(/^[\w-]+$/)
        .default('X-User-Id'),
      /** How long a new backend gets less than its share; 0: not at all. */
      slow_start_seconds: z.number().min(0).default(0),
    })
    .prefault({}),
  /** Visitors who send it as `X-Vcap-Trace` are told which router and backend served them; absent: nobody. */
  trace_key: z.string().min(1).optional(),
  /** How connections are read: `handles` is faster where this Node allows it, `sockets` is documented; absent: the faster. */
  transport: z.enum(['handles', 'sockets']).optional(),
  registry: z
    .strictObject({
      /** Age at which a route that was not repeated goes. */
      prune_threshold_seconds: seconds(120),
      sweep_interval_seconds: seconds(30),
      /** A pause of the bus longer than this is its silence, not that of the backends. */
      silence_seconds: seconds(60),
      /** File that keeps the routes over a restart; absent: none. */
      snapshot: z.string().min(1).optional(),
      snapshot_interval_seconds: seconds(30),
      /** An older snapshot is not used. */
      snapshot_max_age_seconds: seconds(3600),
      /** How long a route out of a snapshot may wait for its registration, while the bus is lively. */
      verify_seconds: seconds(30),
      /**
       * An address that was not registered for this long is asked after at its DEA, once in half of this. Less than half of
       * the DEAs' `port_cooldown`: a port's next holder must not come before the answer.
       */
      vouch_seconds: seconds(20),
      /** How long a host without backends is answered 503 instead of 404. */
      empty_route_seconds: z.number().min(0).default(120),
    })
    .refine((aging) => aging.silence_seconds < aging.prune_threshold_seconds, {
      path: ['silence_seconds'],
      error: 'must be less than prune_threshold_seconds, or a silent bus would take routes away',
    })
    .prefault({}),
});

/** The parsed configuration. */
export type Config = z.infer<typeof configSchema>;
