import { names } from '../http/names.ts';
import type { PlaneContext } from '../context.ts';
import type { RequestHead } from '../http/request-head.ts';
import { routerErrors, unknownRouteText } from '../router-errors.ts';
import type { RouterError } from '../router-errors.ts';
import type { TableRoute } from '../table/table.ts';
import type { Attempts } from './attempts.ts';
import { ConnectionLines, forwardText } from './forward-text.ts';
import { methodOf } from './record.ts';
import type { RequestRecord } from './record.ts';
import { hashValue, isRepeatable, mayUpgrade, printable } from './rules.ts';
import { requestedInstance } from './sticky.ts';
import { targetOf } from './target.ts';
import type { Visitor } from './visitor.ts';

/** Why a request is for nobody, with a text of its own if there is one. */
export interface Refusal {
  readonly error: RouterError;
  readonly text?: string;
}

/** What a client asked for, as far as it matters while the request runs. */
export class Asked {
  method = '';
  hasBody = false;
  /** It may be sent again though a backend may have acted on it. */
  repeatable = false;
  /** The client may be waiting to be told to send the body. */
  wantsContinue = false;
  /** The protocol the client wants to leave HTTP for. */
  upgrade: string | undefined;
  /** The head for backends, but for the lines that name one. */
  forward = '';
  readonly #context: PlaneContext;
  readonly #lines = new ConnectionLines();

  constructor(context: PlaneContext) {
    this.#context = context;
  }

  /** Takes what the head says of the request itself. */
  begin(head: RequestHead): void {
    const { hasBody } = head;
    this.method = methodOf(head);
    this.hasBody = hasBody;
    this.repeatable = !hasBody && isRepeatable(this.method);
    this.wantsContinue =
      hasBody && head.minor === 1 && head.value(names.expect)?.toLowerCase() === '100-continue';
    this.upgrade = mayUpgrade(head) ? head.value(names.upgrade) : undefined;
  }

  /** Finds whom it is for, and writes the head for them; or says why it is for nobody. */
  aim(head: RequestHead, record: RequestRecord, visitor: Visitor, attempts: Attempts): Refusal | undefined {
    const { settings, table } = this.#context;
    const target = targetOf(this.method, head.target, head.value(names.host));
    if (!('key' in target)) return { error: target };
    const route: TableRoute | undefined = table.find(target.key, target.path);
    if (route === undefined)
      return {
        error: routerErrors.unknownRoute,
        text: unknownRouteText(printable(target.host)),
      };
    if (route.members.length === 0) return { error: routerErrors.noEndpoints };
    attempts.aim(
      route,
      head.has(names.cookie) ? requestedInstance(head.value(names.cookie)) : undefined,
      settings.balance === 'hash' ? hashValue(head, settings.hashHeader) : undefined,
    );
    const facts = {
      method: this.method,
      idLines: record.idLines,
      clientAddress: visitor.address,
      scheme: visitor.scheme,
      startedAt: record.startedAt,
      upgrade: this.upgrade,
    };
    this.forward = forwardText(head, target, facts, this.#lines);
    return undefined;
  }
}
