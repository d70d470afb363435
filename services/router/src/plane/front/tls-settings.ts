import { DEFAULT_CIPHERS } from 'node:tls';

const first = 'TLS_AES_128_GCM_SHA256';
const others = DEFAULT_CIPHERS.split(':').filter((cipher) => cipher !== first);

/**
 * Of every certificate alike. The ciphers are Node's, with this one before the others: SHA-256 costs a handshake less than
 * SHA-384, and browsers ask for it first, too.
 */
export const tlsSettings = { minVersion: 'TLSv1.2', ciphers: [first, ...others].join(':') } as const;

/** Of how many bytes the key is with which sessions are sealed for those who take them up again. */
export const ticketKeyBytes = 48;
