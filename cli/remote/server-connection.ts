import type { Command } from 'commander';
import { z } from 'zod';

import { loadConfig } from '../../adapters/config/load-config.js';
import { storageConfig } from '../../adapters/storage/config.js';
import { ERRORS, PipelineError } from '../../core/errors.js';
import type { ErrorCode } from '../../core/errors.js';
import { ingestHttpConfig } from '../../services/ingest-http/config.js';
import { remoteConfig } from './config.js';
import { readControlFile } from './control-file.js';

/** A running server's API, with the right to use it. */
export interface ServerConnection {
  readonly url: string;
  /**
   * A request with a JSON answer.
   * @throws PipelineError the server's own error; `server-unreachable`
   */
  call<T>(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    answer: z.ZodType<T>,
    body?: unknown,
  ): Promise<T>;
  /** A request whose answer is of another kind, or does not matter. Errors as of `call`. */
  send(path: string, init?: RequestInit): Promise<Response>;
  /**
   * A request whose answer may be one of failure.
   * @throws PipelineError `server-unreachable`
   */
  request(path: string, init?: RequestInit): Promise<Response>;
}

const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  detail: z.string().optional(),
  requestId: z.string().optional(),
});

const locationConfig = z.object({
  ...remoteConfig.shape,
  PREREAD_DATA_DIR: storageConfig.shape.PREREAD_DATA_DIR,
  PREREAD_PORT: ingestHttpConfig.shape.PREREAD_PORT,
});

/** The option `--server`, the same for all commands that talk to a server. */
export function withServerOption(command: Command): Command {
  return command.option(
    '--server <url>',
    'the server to talk to (default: PREREAD_SERVER, else the one of PREREAD_DATA_DIR on this machine)',
  );
}

/**
 * The server that a command means: the one named, else the one that holds the data folder, else the one at
 * the default address. Reads PREREAD_SERVER, PREREAD_API_KEY, PREREAD_DATA_DIR and PREREAD_PORT. Nothing is sent yet.
 *
 * @throws PipelineError `config-invalid`
 */
export async function connectToServer(
  flags: { readonly server?: string | undefined },
  env: Readonly<Record<string, string | undefined>>,
): Promise<ServerConnection> {
  const config = loadConfig(locationConfig, {
    ...env,
    ...(flags.server === undefined ? {} : { PREREAD_SERVER: flags.server }),
  });
  const { PREREAD_SERVER: named, PREREAD_API_KEY: key } = config;
  if (named === undefined && key === undefined) {
    const control = await readControlFile(config.PREREAD_DATA_DIR);
    if (control !== undefined) {
      return createConnection(control.url, control.token);
    }
  }
  return createConnection(named ?? `http://127.0.0.1:${config.PREREAD_PORT}`, key);
}

function createConnection(baseUrl: string, token: string | undefined): ServerConnection {
  const url = baseUrl.replace(/\/+$/, '');
  const credentials: Record<string, string> =
    token === undefined ? {} : { Authorization: `Bearer ${token}` };

  async function request(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { ...(init.headers as Record<string, string> | undefined), ...credentials };
    try {
      return await fetch(`${url}${path}`, { ...init, headers });
    } catch (cause) {
      throw new PipelineError(
        'server-unreachable',
        `No preread server answers at ${url}. Start one ("preread serve"), or name it with --server.`,
        { cause },
      );
    }
  }

  async function send(path: string, init?: RequestInit): Promise<Response> {
    const response = await request(path, init);
    if (!response.ok) {
      throw await errorOf(response);
    }
    return response;
  }

  return {
    url,
    request,
    send,
    async call(method, path, answer, body) {
      const response = await send(path, {
        method,
        ...(body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
      });
      return answer.parse(await response.json());
    },
  };
}

/** The server's error as one of ours. */
async function errorOf(response: Response): Promise<PipelineError> {
  const text = await response.text();
  const parsed = problemSchema.safeParse(parseJson(text));
  const code = parsed.data?.type.replace('urn:preread:error:', '') ?? '';
  if (!parsed.success || !isErrorCode(code)) {
    return new PipelineError('server-unreachable', `The server answered ${response.status}.`);
  }
  const { title, detail, requestId } = parsed.data;
  return new PipelineError(code, detail ?? title, {
    context: { requestId: requestId ?? 'none' },
  });
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
