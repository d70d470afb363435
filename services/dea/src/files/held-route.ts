import express, { Router } from 'express';
import { z } from 'zod';

/** What the answer is made from. */
export interface HeldParts {
  deaId(): string;
  /** Whether it knows its instances: not before it has taken over those of the DEA before it. */
  knowsInstances(): boolean;
  holds(port: number, privateInstanceId: string): boolean;
}

const questionSchema = z.object({
  dea: z.string(),
  /** Ports and the private ids of the instances that are believed to be there. */
  instances: z.record(z.string().regex(/^\d{1,5}$/), z.string().max(256)),
});

/**
 * `POST /held`: which of these instances still hold their ports. For routers that have lost touch with the bus. It needs no
 * password, as it only confirms ids that are secret; 404 from another DEA than the one that is asked, whose silence
 * means nothing.
 */
export function heldRoute(parts: HeldParts): Router {
  const router = Router();
  router.post('/held', express.json({ limit: '1mb' }), (request, response) => {
    const answer = answerTo(parts, request.body);
    if (Array.isArray(answer)) response.json({ held: answer });
    else response.status(answer.status).type('text').send(answer.text);
  });
  return router;
}

function answerTo(parts: HeldParts, body: unknown): number[] | { status: number; text: string } {
  const question = questionSchema.safeParse(body);
  if (!question.success) return { status: 400, text: 'Bad request.\n' };
  const { dea, instances } = question.data;
  if (dea !== parts.deaId()) return { status: 404, text: 'Another DEA is here.\n' };
  if (!parts.knowsInstances()) return { status: 503, text: 'Not yet.\n' };
  const ports = Object.entries(instances).map(([port, id]) => [Number(port), id] as const);
  return ports.filter(([port, id]) => parts.holds(port, id)).map(([port]) => port);
}
