import { randomUUID } from 'node:crypto';

import { importPKCS8, SignJWT } from 'jose';
import { request, type Dispatcher } from 'undici';
import { z } from 'zod';

import type { DestinationOf } from '../../core/delivery/destination.js';
import { assertNever, PipelineError } from '../../core/errors.js';
import { authorizationOf } from '../network/authorization.js';
import type { Clock } from '../../core/time.js';
import { httpFailure, readText } from '../../core/delivery/transport-failure.js';

export type FhirAuth = DestinationOf<'fhir'>['auth'];
type SmartBackend = Extract<NonNullable<FhirAuth>, { kind: 'smart-backend' }>;

export interface Authorizer {
  /** Value of the header Authorization; undefined when none is configured. */
  header(): Promise<string | undefined>;
  /** The server refused the token: the next call gets a new one. */
  forget(): void;
}

const tokenSchema = z.object({
  access_token: z.string().min(1),
  expires_in: z.number().positive().optional(),
});

/** A token is not used in its last seconds; one without a stated life is taken for short-lived. */
const MARGIN_MS = 15_000;
const DEFAULT_LIFE_S = 60;
/** SMART Backend Services allows five minutes. */
const ASSERTION_LIFE_S = 240;

/** Basic, bearer, OAuth 2.0 client credentials (RFC 6749 4.4), SMART Backend Services (RFC 7523). */
export function createAuthorizer(
  deps: { readonly clock: Clock; readonly dispatcher: Dispatcher; readonly timeoutMs: number },
  auth: FhirAuth,
): Authorizer {
  let token: { readonly value: string; readonly untilMs: number } | undefined;

  async function bearer(url: string, form: () => Promise<Record<string, string>>) {
    if (token === undefined || token.untilMs <= deps.clock()) {
      token = await requestToken(url, await form());
    }
    return `Bearer ${token.value}`;
  }

  async function requestToken(url: string, form: Record<string, string>) {
    const { statusCode, headers, body } = await request(url, {
      method: 'POST',
      dispatcher: deps.dispatcher,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        accept: 'application/json',
      },
      body: new URLSearchParams(form).toString(),
      signal: AbortSignal.timeout(deps.timeoutMs),
    });
    const text = await readText(body);
    if (statusCode !== 200) {
      // Credentials that are refused today may be right again tomorrow: the delivery is not to blame.
      const busy = httpFailure(statusCode, headers, deps.clock()).code === 'delivery-busy';
      throw new PipelineError(
        busy ? 'delivery-busy' : 'delivery-failed',
        `the token endpoint answered ${statusCode}`,
      );
    }
    const parsed = tokenSchema.safeParse(parseJson(text));
    if (!parsed.success) {
      throw new PipelineError('delivery-failed', 'the token endpoint gave no token');
    }
    const lifeMs = (parsed.data.expires_in ?? DEFAULT_LIFE_S) * 1000;
    const untilMs = deps.clock() + Math.max(0, lifeMs - MARGIN_MS);
    return { value: parsed.data.access_token, untilMs };
  }

  return {
    async header() {
      switch (auth?.kind) {
        case undefined:
          return undefined;
        case 'basic':
        case 'bearer':
          return authorizationOf(auth);
        case 'client-credentials':
          return bearer(auth.tokenUrl, () =>
            Promise.resolve({
              grant_type: 'client_credentials',
              client_id: auth.clientId,
              client_secret: auth.clientSecret,
              ...(auth.scope !== undefined && { scope: auth.scope }),
            }),
          );
        case 'smart-backend':
          return bearer(auth.tokenUrl, async () => ({
            grant_type: 'client_credentials',
            scope: auth.scope,
            client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
            client_assertion: await assertion(auth, deps.clock()),
          }));
        default:
          return assertNever(auth);
      }
    },
    forget() {
      token = undefined;
    },
  };
}

async function assertion(auth: SmartBackend, nowMs: number): Promise<string> {
  const issuedAt = Math.floor(nowMs / 1000);
  return new SignJWT()
    .setProtectedHeader({ alg: auth.algorithm, kid: auth.keyId, typ: 'JWT' })
    .setIssuer(auth.clientId)
    .setSubject(auth.clientId)
    .setAudience(auth.tokenUrl)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + ASSERTION_LIFE_S)
    .setJti(randomUUID())
    .sign(await importPKCS8(auth.privateKey, auth.algorithm));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
