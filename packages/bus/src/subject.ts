import type { z } from 'zod';

/**
 * Who speaks on the bus. `component` is each of them; `tools` are an operator's, `collector` gathers their figures.
 */
export type Role =
  | 'caldecott'
  | 'cloud-controller'
  | 'collector'
  | 'component'
  | 'dea'
  | 'gateway'
  | 'health-manager'
  | 'node'
  | 'router'
  | 'stager'
  | 'tools';

/** What a subject is: its wire name, who speaks and who listens, and the shape of its messages. */
export interface SubjectInfo {
  /** Wire name; `*` stands for one variable word. */
  name: string;
  publishers: readonly Role[];
  listeners: readonly Role[];
  /** Subscribers of one queue group share the messages. */
  queue?: string;
  /** One line for docs/messages.md: when it is sent. */
  when: string;
}

/** A concrete subject on the bus with the schema of its messages and, for requests, of its replies. */
export interface Subject<T, R = unknown> extends SubjectInfo {
  schema: z.ZodType<T>;
  reply?: z.ZodType<R>;
  /** The body is free text: it comes as a string, unparsed. */
  text?: true;
}

/** A family of subjects with one variable word, such as `dea.<dea_id>.start`. */
export interface SubjectFamily<T, R = unknown> extends Subject<T, R> {
  for(word: string): Subject<T, R>;
}

export function defineSubject<T, R = unknown>(subject: Subject<T, R>): Subject<T, R> {
  return Object.freeze(subject);
}

/** `name` holds exactly one `*`. Words may not hold characters that mean something to NATS. */
export function defineFamily<T, R = unknown>(subject: Subject<T, R>): SubjectFamily<T, R> {
  return Object.freeze({
    ...subject,
    for(word: string): Subject<T, R> {
      if (!/^[A-Za-z0-9_-]+$/.test(word))
        throw new TypeError(`not a word of a subject: ${JSON.stringify(word)}`);
      return { ...subject, name: subject.name.replace('*', word) };
    },
  });
}
