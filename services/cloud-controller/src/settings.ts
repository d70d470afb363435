import { readFileSync } from 'node:fs';
import type { ControllerConfig } from './config-shape.ts';
import { Tickets } from '@vcap/tunnel';
import { SecretBox } from './domain/secret-box.ts';
import { TokenSigner } from './domain/tokens.ts';
import type { UrlRules } from './domain/urls.ts';
import type { Capacity } from './repositories/quotas.ts';

/** Settings that are worked out of the configuration once, at start. */
export interface Settings {
  tokens: TokenSigner;
  stagingAuth: { user: string; password: string };
  bulkAuth: { user: string; password: string };
  urlRules: UrlRules;
  admins: ReadonlySet<string>;
  capacity: Record<'default' | 'admin', Capacity>;
  /** Seals what the database must not show. */
  box: SecretBox;
  /** Tokens of the services that come with the platform, by label and provider. */
  builtinServices: readonly { label: string; provider: string; token: string }[];
  brokerTokens: readonly string[];
  tunnel: TunnelTickets | undefined;
}

/** What direct tunnels need. */
export interface TunnelTickets {
  externalUri: string;
  tickets: Tickets;
  /** Of one ticket, in milliseconds. */
  lifeMs: number;
}

function secretOf({
  token,
  token_file: file,
}: {
  token?: string | undefined;
  token_file?: string | undefined;
}) {
  const secret = token ?? readFileSync(file ?? '', 'utf8').trim();
  if (secret === '') throw new Error(`the service token in ${file} is empty`);
  return secret;
}

function tunnelOf(tunnel: ControllerConfig['tunnel']): TunnelTickets | undefined {
  if (!tunnel) return undefined;
  const {
    external_uri: externalUri,
    ticket_key: token,
    ticket_key_file: file,
    ticket_seconds: seconds,
  } = tunnel;
  const tickets = new Tickets([secretOf({ token, token_file: file })]);
  return { externalUri, tickets, lifeMs: seconds * 1000 };
}

function brokerTokens({ tokens, ...one }: ControllerConfig['service_broker']): string[] {
  return one.token === undefined && one.token_file === undefined ? tokens : [secretOf(one), ...tokens];
}

/** Reads the key file and derives the rest. Throws when the key is missing or too short. */
export function resolveSettings(config: ControllerConfig): Settings {
  const key = config.keys.token ?? readFileSync(config.keys.token_file ?? '', 'utf8').trim();
  if (key.length < 16) throw new Error('the token key must have at least 16 characters');
  const tokens = new TokenSigner(key);
  const admins = new Set(config.admins);
  if (config.bootstrap_admin) admins.add(config.bootstrap_admin.email);
  return {
    tokens,
    stagingAuth: config.staging.auth ?? { user: 'staging', password: tokens.derive('staging') },
    bulkAuth: config.bulk_api.auth ?? { user: 'bulk_api', password: tokens.derive('bulk_api') },
    urlRules: {
      systemDomain: config.external_uri.slice(config.external_uri.indexOf('.') + 1),
      routerPort: config.router_port,
      allowExternal: config.app_uris.allow_external,
      reserved: new Set(config.app_uris.reserved_list),
      own: new Set([config.external_uri]),
    },
    admins,
    capacity: { default: config.default_account_capacity, admin: config.admin_account_capacity },
    box: new SecretBox(tokens.derive('database-secrets')),
    builtinServices: Object.entries(config.builtin_services).flatMap(([label, list]) =>
      list.map(({ provider, ...rest }) => ({ label, provider, token: secretOf(rest) })),
    ),
    brokerTokens: brokerTokens(config.service_broker),
    tunnel: tunnelOf(config.tunnel),
  };
}
