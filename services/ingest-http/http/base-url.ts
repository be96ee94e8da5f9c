import type { Request } from 'express';

/** Where clients find us, without a slash at the end: as the site has set it, else as the request says. */
export function baseUrlOf(request: Request, publicUrl: string | undefined): string {
  const host = request.headers.host ?? 'localhost'; // HTTP/1.0 has none
  return publicUrl?.replace(/\/+$/, '') ?? `${request.protocol}://${host}`;
}
