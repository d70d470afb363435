import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A program of the test's own that is told things and tells things. */
export interface Child<To, From> {
  readonly pid: number;
  send(message: To): void;
  /** The first message that the condition takes. */
  heard<T extends From>(is: (message: From) => message is T): Promise<T>;
  stop(): Promise<void>;
}

/** Starts one of this folder's programs; `all` gets each message. */
export function startChild<To extends object, From>(
  name: string,
  all: (message: From) => void,
): Child<To, From> {
  const program = fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
  const child = fork(program, [], {
    execArgv: ['--conditions=source'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const listeners = new Set<(message: From) => void>([all]);
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
  });
  child.on('message', (message) => {
    for (const each of listeners) each(message as From);
  });
  return {
    pid: child.pid as number,
    send: (message) => void child.send(message),
    heard: <T extends From>(is: (message: From) => message is T) =>
      new Promise<T>((resolve, reject) => {
        const listen = (message: From): void => {
          if (!is(message)) return;
          listeners.delete(listen);
          resolve(message);
        };
        listeners.add(listen);
        void exited.then(() => reject(new Error(`${name} ended before it was done`)));
      }),
    async stop() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
