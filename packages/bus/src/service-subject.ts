import type { Subject } from './subject.ts';

/** A subject that begins with a service's name on the bus, such as `MyaaS.announce`. */
export interface ServiceSubject<T, R = unknown> extends Subject<T, R> {
  of(serviceName: string): Subject<T, R>;
}

/** A subject of one node of a service, such as `MyaaS.provision.mysql_node_free_0`. */
export interface NodeSubject<T, R = unknown> extends Subject<T, R> {
  of(serviceName: string, nodeId: string): Subject<T, R>;
}

/** `name` begins with `*`. */
export function defineServiceSubject<T, R = unknown>(subject: Subject<T, R>): ServiceSubject<T, R> {
  return Object.freeze({ ...subject, of: (service: string) => named(subject, service) });
}

/** `name` begins and ends with `*`. */
export function defineNodeSubject<T, R = unknown>(subject: Subject<T, R>): NodeSubject<T, R> {
  return Object.freeze({
    ...subject,
    of: (service: string, nodeId: string) => named(subject, service, nodeId),
  });
}

/** Words may not hold characters that mean something to NATS. */
function named<T, R>(subject: Subject<T, R>, ...words: string[]): Subject<T, R> {
  const name = subject.name.replaceAll('*', () => {
    const word = words.shift() ?? '';
    if (!/^[A-Za-z0-9_-]+$/.test(word))
      throw new TypeError(`not a word of a subject: ${JSON.stringify(word)}`);
    return word;
  });
  return { ...subject, name };
}
