export { Certificates } from './certificates.ts';
export { TlsFront } from './tls-front.ts';
