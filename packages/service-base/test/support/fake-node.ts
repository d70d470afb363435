import { connect, headers } from 'nats';
import type { Msg, NatsConnection } from 'nats';

/** A node that answers with whatever bytes a test wants, without any of our code. */
export class FakeNode {
  readonly #connection: NatsConnection;
  readonly id: string;
  /** All requests to it, as `verb` and parsed body. */
  readonly heard: { verb: string; body: Record<string, unknown> }[] = [];
  /** What it does with a request; undefined: nothing. */
  answers: Record<string, (message: Msg) => void> = {};

  private constructor(connection: NatsConnection, id: string) {
    this.#connection = connection;
    this.id = id;
  }

  static async start(url: string, id = 'fake'): Promise<FakeNode> {
    const fake = new FakeNode(await connect({ servers: url }), id);
    fake.#connection.subscribe(`EchoaaS.*.${id}`, {
      callback: (_error, message) => {
        const verb = message.subject.split('.')[1] ?? '';
        fake.heard.push({ verb, body: JSON.parse(message.string()) as Record<string, unknown> });
        fake.answers[verb]?.(message);
      },
    });
    return fake;
  }

  announce(over: Record<string, unknown> = {}): void {
    const body = {
      id: this.id,
      plan: 'free',
      available_capacity: 10,
      capacity_unit: 1,
      supported_versions: ['1.0'],
    };
    this.raw('EchoaaS.announce', JSON.stringify({ ...body, ...over }));
  }

  raw(subject: string, body: string): void {
    this.#connection.publish(subject, body);
  }

  /** Asks as another gateway would, with a trace of the test's choice; all answers within `ms`. */
  async ask(
    subject: string,
    body: string,
    options: { trace: string; times: number; ms: number },
  ): Promise<unknown[]> {
    const header = headers();
    header.set('traceparent', options.trace);
    const inbox = `_INBOX.test.${options.trace}`;
    const answers: unknown[] = [];
    const subscription = this.#connection.subscribe(inbox, {
      callback: (_error, message) => void answers.push(message.json()),
    });
    for (let time = 0; time < options.times; time++) {
      this.#connection.publish(subject, body, { headers: header, reply: inbox });
    }
    const end = performance.now() + options.ms;
    while (answers.length < options.times && performance.now() < end) await new Promise(setImmediate);
    subscription.unsubscribe();
    return answers;
  }

  async stop(): Promise<void> {
    await this.#connection.close();
  }
}
