import { createPrivateKey, X509Certificate } from 'node:crypto';
import { unwatchFile, watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';

import { PipelineError } from '../../core/errors.js';
import type { Logger } from '../../core/log.js';

/** What a TLS server needs; the oldest protocol is the one that BCP 195 allows. */
export interface Credentials {
  readonly cert: string;
  readonly key: string;
  readonly minVersion: 'TLSv1.2';
}

/** A certificate and its key from files, read again when they change. */
export interface TlsCredentials {
  current(): Credentials;
  /** Returns how to stop listening. */
  onChange(listener: (credentials: Credentials) => void): () => void;
  close(): void;
}

/** Asked by time and not by the system's events: those do not come from network shares and mounted secrets. */
const POLL_MS = 5_000;

/** @throws PipelineError `config-invalid` when the files are not a certificate and its key */
export async function openTlsCredentials(
  deps: { readonly logger: Logger },
  files: { readonly cert: string; readonly key: string },
  pollMs = POLL_MS,
): Promise<TlsCredentials> {
  let current = await read(files);
  const listeners = new Set<(credentials: Credentials) => void>();

  async function reload(): Promise<void> {
    try {
      const next = await read(files);
      if (next.cert === current.cert && next.key === current.key) {
        return;
      }
      current = next;
      listeners.forEach((listener) => {
        listener(next);
      });
      deps.logger.info({}, 'the new certificate is in use');
    } catch (error) {
      // Both files change one after the other: in between they do not belong together.
      deps.logger.warn({ err: error }, 'the changed certificate is not usable, the old one stays');
    }
  }
  const onFileChange = (): void => void reload();
  const paths = [files.cert, files.key];
  paths.forEach((path) => watchFile(path, { interval: pollMs, persistent: false }, onFileChange));

  return {
    current: () => current,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      paths.forEach((path) => {
        unwatchFile(path, onFileChange);
      });
    },
  };
}

async function read(files: { readonly cert: string; readonly key: string }): Promise<Credentials> {
  try {
    const [cert, key] = await Promise.all([
      readFile(files.cert, 'utf8'),
      readFile(files.key, 'utf8'),
    ]);
    if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
      throw new Error('the key is not that of the certificate');
    }
    createSecureContext({ cert, key });
    return { cert, key, minVersion: 'TLSv1.2' };
  } catch (cause) {
    throw new PipelineError(
      'config-invalid',
      `PREREAD_TLS_CERT (${files.cert}) and PREREAD_TLS_KEY (${files.key}) are not a certificate and its key in PEM.`,
      { cause },
    );
  }
}
