import type { IncomingMessage } from 'node:http';

import { parseApiKey, secretMatches } from '../../../core/access/api-key.js';
import type { KeyStore } from '../../../core/access/key-store.js';
import type { Scope } from '../../../core/access/scopes.js';

/** Who sends a request: somebody on this machine, or the holder of a key. */
export interface Caller {
  /** The key's id, or where a caller without a key comes from. For logs and rate limits. */
  readonly id: string;
  readonly scopes: ReadonlySet<Scope>;
}

export interface AccessPolicy {
  readonly keys: Pick<KeyStore, 'find' | 'touch'>;
  /** Callers on this machine may do everything without a key. */
  readonly trustLoopback: boolean;
  /** Says whether a bearer token is the one that only readers of the data folder know. */
  readonly isControlToken: (token: string) => boolean;
}

export type Identified =
  | { readonly kind: 'known'; readonly caller: Caller }
  /** No credentials, where they are needed. */
  | { readonly kind: 'anonymous' }
  /** Credentials that are wrong or revoked. */
  | { readonly kind: 'refused' };

const EVERYTHING: ReadonlySet<Scope> = new Set(['admin']);
const LOOPBACK = /^(?:127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/;
const LOOPBACK_HOST = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?$/i;
/** What proxies add: the real sender is somewhere else. */
const FORWARDING_HEADERS = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'];

/** @throws PipelineError `database-unavailable` */
export async function identifyCaller(
  policy: AccessPolicy,
  request: IncomingMessage,
): Promise<Identified> {
  const { authorization } = request.headers;
  if (authorization === undefined) {
    return policy.trustLoopback && isLocal(request)
      ? { kind: 'known', caller: { id: 'local', scopes: EVERYTHING } }
      : { kind: 'anonymous' };
  }
  const token = /^Bearer +(\S+) *$/i.exec(authorization)?.[1] ?? '';
  if (isLoopbackAddress(request.socket.remoteAddress) && policy.isControlToken(token)) {
    return { kind: 'known', caller: { id: 'control', scopes: EVERYTHING } };
  }
  const sent = parseApiKey(token);
  const key = sent && (await policy.keys.find(sent.keyId));
  if (!key || key.revokedAtMs !== undefined || !secretMatches(sent.secret, key.secretSha256)) {
    return { kind: 'refused' };
  }
  await policy.keys.touch(key.keyId);
  return { kind: 'known', caller: { id: key.keyId, scopes: key.scopes } };
}

export function isLoopbackAddress(address: string | undefined): boolean {
  return LOOPBACK.test(address ?? '');
}

/**
 * A program of this machine, speaking to us on purpose. A reverse proxy on this machine is not (it speaks
 * for others), nor is a web page in this machine's browser: neither one of another origin nor one whose
 * host name was made to point here (DNS rebinding).
 */
function isLocal(request: IncomingMessage): boolean {
  const { host, origin } = request.headers;
  return (
    isLoopbackAddress(request.socket.remoteAddress) &&
    (host === undefined || LOOPBACK_HOST.test(host)) &&
    (origin === undefined || origin.replace(/^https?:\/\//, '') === host) &&
    FORWARDING_HEADERS.every((name) => request.headers[name] === undefined)
  );
}
