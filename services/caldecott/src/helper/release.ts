/** Replaced when the helper is bundled. */
declare const CALDECOTT_RELEASE: string | undefined;

/** Version of this very build: `vmc tunnel` pushes another helper when the one that runs has a different one. */
export const release = typeof CALDECOTT_RELEASE === 'string' ? CALDECOTT_RELEASE : 'source';
