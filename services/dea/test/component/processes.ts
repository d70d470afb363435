import { readFileSync, readdirSync } from 'node:fs';
import { request } from 'undici';

/** What the application on a port answers; empty when it does not. */
export const answers = (port: number): Promise<string> =>
  request(`http://127.0.0.1:${port}/`).then(
    ({ body }) => body.text(),
    () => '',
  );

/** Whether nobody listens there. */
export const refuses = (port: number): Promise<boolean> =>
  request(`http://127.0.0.1:${port}/`).then(
    async ({ body }) => body.dump().then(() => false),
    () => true,
  );

/** Variable that every instance of a test gets: the directory of its world, `#`, and the id of its DEA. */
export const MARK = 'TEST_MARK';

/** All that the instances of a world (`dir`), or of one of its DEAs, have started. */
export function instancePids(dir: string, deaId = ''): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`${MARK}=${dir}#${deaId}`);
      } catch {
        return false;
      }
    });
}

/** Those of them that are no wrapper. */
export const programPids = (dir: string): number[] =>
  instancePids(dir).filter((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8') !== 'sh\n');
