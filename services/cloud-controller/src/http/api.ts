import type { IncomingMessage } from 'node:http';
import express from 'express';
import type { Express } from 'express';
import type { Services } from '../actions/context.ts';
import { ApiError } from '../errors.ts';
import { authenticate, traceCalls } from './call-context.ts';
import { errorHandler } from './error-handler.ts';
import { appRoutes } from './v1/app-routes.ts';
import { componentRoutes } from './v1/component-routes.ts';
import { fileRoutes } from './v1/file-routes.ts';
import { infoRoutes } from './v1/info-routes.ts';
import { configurationRoutes } from './v1/services/configuration-routes.ts';
import { lifecycleRoutes } from './v1/services/lifecycle-routes.ts';
import { offeringRoutes } from './v1/services/offering-routes.ts';
import { serviceRoutes } from './v1/services/service-routes.ts';
import { tunnelRoutes } from './v1/services/tunnel-routes.ts';
import { logRoutes } from './v1/log-routes.ts';
import { userRoutes } from './v1/user-routes.ts';

const JSON_LIMIT = '10mb';

/** Bodies are JSON whatever their type says, but for uploads, which are read as streams. */
function isJsonBody(request: IncomingMessage): boolean {
  const path = (request.url ?? '').replace(/\?.*$/s, '');
  if (/^\/apps\/[^/]+\/application$/.test(path)) return false;
  return !(request.headers['content-type'] ?? '').startsWith('multipart/');
}

/** The whole HTTP interface. */
export function createApi(services: Services): Express {
  const api = express();
  api.disable('x-powered-by');
  api.disable('etag');
  // The router says how the client came (X-Forwarded-Proto); nothing else is taken from such headers.
  api.set('trust proxy', 1);
  api.set('query parser', 'simple');
  api.use(traceCalls(services));
  // Components do not log in as users: their Authorization headers are Basic.
  api.use(componentRoutes(services));
  api.use(authenticate(services));
  api.use(express.json({ limit: JSON_LIMIT, type: isJsonBody }));
  api.use(
    offeringRoutes(services),
    lifecycleRoutes(services),
    configurationRoutes(services),
    tunnelRoutes(services),
  );
  api.use(
    serviceRoutes(services),
    infoRoutes(services),
    userRoutes(services),
    appRoutes(services),
    fileRoutes(services),
    logRoutes(services),
  );
  api.use((request) => {
    throw new ApiError(303, request.path);
  });
  api.use(errorHandler());
  return api;
}
