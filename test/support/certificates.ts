import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** PEM files of a certificate and its key. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateAuthority extends CertificateFiles {
  /** Certificate of the authority as text, for clients to trust. */
  readonly pem: string;
  /** For these host names; for this machine unless told otherwise. */
  issue(name: string, hosts?: readonly string[]): CertificateFiles;
}

/** An authority of its own for a test, made by the openssl program. */
export function makeAuthority(folder: string, name: string): CertificateAuthority {
  const path = (file: string) => join(folder, `${name}-${file}`);
  const cert = path('ca.pem');
  const key = path('ca.key');
  openssl('req', '-x509', ...keyTo(key), '-subj', `/CN=${name}`, '-days', '2', '-out', cert);
  return {
    cert,
    key,
    pem: readFileSync(cert, 'utf8'),
    issue(subject, hosts = ['localhost']) {
      const files = { cert: path(`${subject}.pem`), key: path(`${subject}.key`) };
      const request = path(`${subject}.csr`);
      const extensions = path(`${subject}.ext`);
      const names = hosts.map((host) => `DNS:${host},`).join('');
      writeFileSync(extensions, `subjectAltName=${names}IP:127.0.0.1\n`);
      openssl('req', ...keyTo(files.key), '-subj', `/CN=${subject}`, '-out', request);
      const signing = ['-CA', cert, '-CAkey', key, '-CAcreateserial', '-days', '2'];
      openssl(
        'x509',
        '-req',
        '-in',
        request,
        ...signing,
        '-extfile',
        extensions,
        '-out',
        files.cert,
      );
      return files;
    },
  };
}

function keyTo(file: string): string[] {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  return [...curve, '-nodes', '-keyout', file];
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' });
}
