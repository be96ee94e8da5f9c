import type { DestinationOf } from '../../core/delivery/destination.js';
import { assertNever } from '../../core/errors.js';

/** What stands in a configuration as it is sent: Basic (RFC 7617) and Bearer (RFC 6750). */
export type FixedAuth = NonNullable<DestinationOf<'dicomweb'>['auth']>;

/** Value of the header Authorization. */
export function authorizationOf(auth: FixedAuth): string {
  switch (auth.kind) {
    case 'basic':
      return `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`;
    case 'bearer':
      return `Bearer ${auth.token}`;
    default:
      return assertNever(auth);
  }
}
