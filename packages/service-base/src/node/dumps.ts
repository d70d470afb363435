import { PassThrough } from 'node:stream';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import type { Node } from './node.ts';
import type { Instance, JobWork } from './types.ts';

/**
 * The compressed dump of an instance, as a stream that ends only when the service said that all is written; a failure
 * of the service is the stream's error.
 */
export function dumpOf(node: Node, instance: Instance, work: JobWork): Readable {
  const data = new PassThrough();
  work.step('dump');
  const dumping = node.dump(instance, data, work).then(
    () => void data.end(),
    (error: unknown) => {
      data.destroy(error instanceof Error ? error : new Error(String(error)));
      throw error;
    },
  );
  const whole = async function* (source: AsyncIterable<unknown>): AsyncGenerator {
    yield* source;
    await dumping;
  };
  const gzip = createGzip({ level: 6 });
  // The error reaches the reader through the last stream.
  Promise.all([dumping, pipeline(data, whole, gzip)]).catch((error: unknown) => {
    gzip.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  return gzip;
}

/** Has the service load a compressed dump; `source` is read to its end or destroyed. */
export async function loadFrom(
  node: Node,
  instance: Instance,
  source: Readable,
  work: JobWork,
): Promise<void> {
  const data = createGunzip();
  work.step('load');
  const feeding = pipeline(source, data);
  feeding.catch(() => undefined);
  try {
    await node.load(instance, data, work);
  } catch (error) {
    source.destroy();
    data.destroy();
    throw error;
  }
  data.resume();
  await feeding;
}
