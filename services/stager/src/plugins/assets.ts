import { packageFile } from '@vcap/component';

/** Where a file of `assets`, what we add to droplets, is. */
export const assetPath = (name: string): string => packageFile(import.meta.url, `assets/${name}`);
