import { isAbsolute, relative, resolve } from 'node:path';

import { z } from 'zod';

import { destinationSchema, type Destination } from '../../core/delivery/destination.js';
import type { SetDestination } from '../../core/delivery/destinations.js';
import { PipelineError, toPipelineError } from '../../core/errors.js';
import type {
  CheckedDestination,
  StoredDestination,
} from '../../core/storage/destination-store.js';
import { createAddressGuard, type AddressGuard } from '../network/address-guard.js';
import { fieldOf } from './load-destinations.js';
import { referenceSchema, secretSchema, type RefusePlace } from './read-secret.js';
import { tlsOptions } from './tls-options.js';

export interface ApiDestinationsOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Files outside it are not read for the API. */
  readonly secretsFolder: string;
  /** Private networks that they may reach. */
  readonly allowNetworks: readonly string[];
  /** Whether this process delivers, and so needs the secrets. */
  readonly sends: boolean;
}

export interface ApiDestinations {
  /**
   * What the API is given for a name.
   * @throws PipelineError `request-invalid` with every problem and its field
   */
  readonly check: (name: string, body: unknown) => CheckedDestination;
  /**
   * What the API was given. What was right then may have changed: the secrets, the networks.
   * @throws PipelineError `delivery-unconfigured` when another version of preread has set it
   */
  readonly read: (stored: StoredDestination) => SetDestination;
}

const SECRET_VARIABLE = /^PREREAD_SECRET_[A-Z0-9_]+$/;

/**
 * Destinations that the API sets. Who has an administrator's key need not be who runs the machine: such a
 * destination gets only what was laid out for it, secrets and networks, or it would send any file or
 * variable of the server to any place.
 */
export function createApiDestinations(options: ApiDestinationsOptions): ApiDestinations {
  const guard = createAddressGuard(options.allowNetworks);
  const refuse = refusePlaces(options.secretsFolder);
  const reference = referenceSchema(refuse);
  const secret = options.sends ? secretSchema(options.env, refuse) : reference;

  function parse(secrets: z.ZodType<string>, name: string, body: unknown) {
    const named = z.literal(name).default(name);
    const parsed = destinationSchema(secrets, named)
      .superRefine((destination, context) => {
        for (const { path, message } of problemsOf(destination, guard, options.sends)) {
          context.addIssue({ code: 'custom', path: [...path], message });
        }
      })
      .safeParse(body);
    return parsed.success
      ? { destination: parsed.data }
      : { problem: parsed.error.issues.map(describeIssue).join('\n') };
  }

  return {
    check(name, body) {
      const { destination, problem } = parse(secret, name, body);
      if (destination === undefined) {
        throw new PipelineError('request-invalid', problem);
      }
      return { destination, definition: body as object };
    },
    read({ name, definition, setAtMs }) {
      const set = { source: 'api', definition, setAtMs } as const;
      const { destination, problem } = parse(secret, name, definition);
      if (destination !== undefined) {
        return { ...set, destination };
      }
      const form = destinationSchema(z.string(), z.literal(name).default(name));
      const { data } = form.safeParse(definition);
      if (data === undefined) {
        throw new PipelineError(
          'delivery-unconfigured',
          `The destination "${name}" was set by another version of preread: set it again, or remove it.`,
        );
      }
      return { ...set, destination: data, problem };
    },
  };
}

function refusePlaces(secretsFolder: string): RefusePlace {
  return ({ kind, place }) => {
    if (kind === 'env') {
      return SECRET_VARIABLE.test(place)
        ? undefined
        : 'the API takes environment variables whose names begin with PREREAD_SECRET_';
    }
    const below = relative(resolve(secretsFolder), resolve(place));
    return below === '' || below.startsWith('..') || isAbsolute(below)
      ? `the API takes files in ${secretsFolder} (PREREAD_SECRETS_DIR)`
      : undefined;
  };
}

interface Problem {
  readonly path: readonly string[];
  readonly message: string;
}

function problemsOf(destination: Destination, guard: AddressGuard, sends: boolean): Problem[] {
  const problems: Problem[] = hostsOf(destination)
    .filter(({ host }) => isForbidden(guard, host))
    .map(({ path }) => ({
      path,
      message:
        'a private address: the server reaches it for the API when its PREREAD_DESTINATION_NETWORKS allow it',
    }));
  if (destination.kind === 'webhook' && destination.allowNetworks.length > 0) {
    const message =
      'the API does not set networks: PREREAD_DESTINATION_NETWORKS of the server does';
    problems.push({ path: ['allowNetworks'], message });
  }
  const tls = sends ? unreadableTls(destination) : undefined;
  if (tls !== undefined) {
    problems.push({ path: ['tls'], message: tls });
  }
  return problems;
}

function hostsOf(destination: Destination): { path: string[]; host: string }[] {
  if (!('url' in destination)) {
    return [{ path: ['host'], host: destination.host }];
  }
  const { kind, url } = destination;
  const at = (path: string[], text: string) => ({ path, host: new URL(text).hostname });
  return [
    at(['url'], url),
    ...(kind === 'fhir' && destination.auth !== undefined && 'tokenUrl' in destination.auth
      ? [at(['auth', 'tokenUrl'], destination.auth.tokenUrl)]
      : []),
  ];
}

function isForbidden(guard: AddressGuard, host: string): boolean {
  try {
    guard.checkHost(host);
    return false;
  } catch {
    return true;
  }
}

function unreadableTls({ tls }: Destination): string | undefined {
  try {
    tlsOptions(tls);
    return undefined;
  } catch (error) {
    return toPipelineError(error).message;
  }
}

function describeIssue({ path, message }: z.core.$ZodIssue): string {
  const field = fieldOf(path);
  return field === '' ? message : `${field}: ${message}`;
}
