import express from 'express';
import type { Express, NextFunction, Request, Response } from 'express';
import type { TunnelServer } from '@vcap/tunnel';
import { protocolVersion } from '@vcap/tunnel';

export interface AppOptions {
  tunnels: TunnelServer;
  /** Version of this very build. */
  release: string;
  /** Routes that only one way of running has. */
  extend?: (app: Express) => void;
}

/** All routes, behind the token: what lies in front of it is a 404 without a body (caldecott.md §1). */
export function createApp({ tunnels, release, extend }: AppOptions): Express {
  const app = express().disable('x-powered-by').disable('etag');
  app.use((request, response, next) => tunnels.guard(request, response, next));
  app.get('/', (_request, response) => {
    response.type('text').send(`Caldecott tunnel ${protocolVersion} (${release})\n`);
  });
  app.get('/info', (_request, response) => {
    response.json({ version: protocolVersion, release, transports: ['websocket', 'http'], half_close: true });
  });
  extend?.(app);
  app.use((request, response, next) => tunnels.handle(request, response, next));
  app.use(
    (request, response) => void response.status(404).type('text').send(`nothing is at ${request.path}\n`),
  );
  // Express tells an error handler by its four parameters.
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    const status = (error as { status?: unknown }).status;
    if (response.headersSent) response.destroy();
    else
      response
        .status(typeof status === 'number' ? status : 500)
        .type('text')
        .send('the request failed\n');
  });
  return app;
}
