import { fileURLToPath } from 'node:url';

/** The sample applications, one directory with a manifest.yml each. */
export const sampleNames = [
  'crash-on-start',
  'hostile',
  'ignores-term',
  'node-express',
  'node-hello',
  'odd-names',
  'rack',
  'sinatra',
  'static-site',
  'visits',
  'visits-python',
  'visits-ruby',
  'websocket-chat',
  'worker',
  'wsgi',
] as const;

/** Name of a sample application. */
export type SampleName = (typeof sampleNames)[number];

/** Absolute path of a sample's directory; tests copy it before they change anything in it. */
export const samplePath = (name: SampleName): string =>
  fileURLToPath(new URL(`../apps/${name}`, import.meta.url));
