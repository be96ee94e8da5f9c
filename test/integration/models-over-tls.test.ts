import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { makeAuthority, type CertificateAuthority } from '../support/certificates.js';
import { runPreread } from '../support/preread-process.js';
import { describeWithData } from '../support/shared-data.js';
import { startWebProxy, type WebProxy } from '../support/web-proxy.js';

const HOSTS = ['huggingface.co', 'github.com', 'raw.githubusercontent.com'];
const NIH = 'densenet121-res224-nih';

let folder: string;
let authority: CertificateAuthority;
let server: Server;
let sockets: Set<Socket>;
let proxy: WebProxy;
/** What the hosts of the catalogue answer. */
let answer: (request: IncomingMessage, response: ServerResponse) => void;
/** `host range` of each request. */
let asked: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'preread-tls-'));
  authority = makeAuthority(folder, 'inspecting-proxy');
  asked = [];
  sockets = new Set();
  await present(HOSTS);
});

afterEach(async () => {
  await close();
  await rm(folder, { recursive: true });
});

/** Stands in for the hosts of the catalogue, behind a proxy, with a certificate of the test's authority. */
async function present(hosts: readonly string[]): Promise<void> {
  const { cert, key } = authority.issue(`web-${hosts.length}`, hosts);
  server = createServer(
    { cert: readFileSync(cert), key: readFileSync(key) },
    (request, response) => {
      asked.push(`${request.headers.host ?? ''} ${request.headers.range ?? 'whole'}`);
      answer(request, response);
    },
  );
  server.on('connection', (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  proxy = await startWebProxy((server.address() as AddressInfo).port);
}

async function close(): Promise<void> {
  await proxy.close();
  for (const socket of sockets) {
    socket.destroy();
  }
  await new Promise((resolve) => server.close(resolve));
}

function models(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return runPreread(['models', ...args, '--models-dir', join(folder, 'models')], {
    HTTPS_PROXY: proxy.url,
    NODE_EXTRA_CA_CERTS: authority.cert,
    ...env,
  });
}

/** Answers from the asked byte on, and ends the connection after `limit` bytes. */
function send(content: Buffer, request: IncomingMessage, response: ServerResponse, limit: number) {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  response.writeHead(start === 0 ? 200 : 206, {
    'content-length': content.length - start,
    'content-range': `bytes ${start}-${content.length - 1}/${content.length}`,
  });
  response.write(content.subarray(start, start + limit), () => {
    if (start + limit < content.length) {
      response.destroy();
    } else {
      response.end();
    }
  });
}

test('a certificate of an unknown authority is refused at once, with the setting that trusts it', async () => {
  answer = (_, response) => response.end();
  const { exitCode, output } = await models(['pull', 'nih'], { NODE_EXTRA_CA_CERTS: '' });
  expect(exitCode).toBe(1);
  expect(output).toMatch(/certificate of github\.com is not accepted .*NODE_EXTRA_CA_CERTS/);
  expect(output).toContain(`preread models import FILE --as ${NIH}`);
  expect(asked).toEqual([]);
  expect(proxy.asked).toEqual(['github.com:443', 'huggingface.co:443']);
});

test('a certificate for another host is refused without the advice to trust an authority', async () => {
  await close();
  await present(['example.org']);
  answer = (_, response) => response.end();
  const { exitCode, output } = await models(['pull', 'nih']);
  expect(exitCode).toBe(1);
  expect(output).toMatch(/certificate of github\.com is not accepted .*altnames.*clock/);
  expect(output).not.toContain('NODE_EXTRA_CA_CERTS');
  expect(asked).toEqual([]);
});

test('an address that is none is refused as a wrong argument', async () => {
  for (const url of ['nonsense', 'ftp://example.org/model.pt']) {
    const { exitCode, output } = await models(['pull', 'nih', '--url', url]);
    expect(exitCode).toBe(2);
    expect(output).toContain('It must begin with https://');
  }
});

test('a folder that cannot be written is told before anything is downloaded', async () => {
  const file = join(folder, 'file');
  await writeFile(file, '');
  for (const args of [
    ['pull', 'nih'],
    ['import', file, '--as', 'nih'],
    ['use', 'preread-cxr14'],
    ['use', 'default'],
  ]) {
    const { exitCode, output } = await runPreread(['models', ...args, '--models-dir', file]);
    expect(exitCode).toBe(2);
    expect(output).toMatch(/cannot be installed in .*PREREAD_MODELS_DIR/);
    expect(output).not.toContain(' at ');
  }
});

describeWithData('txrv', 'published weights over TLS', (data) => {
  test(
    'are pulled through the proxy, each source goes on where it ended, and nothing is left over',
    { timeout: 180_000 },
    async () => {
      const checkpoint = await readFile(join(data, 'densenet121-module-legacy.pt'));
      let broken = true;
      answer = (request, response) => {
        if (request.headers.host === 'huggingface.co') {
          response.writeHead(404).end();
        } else if (broken && request.headers.range !== undefined) {
          response.destroy();
        } else {
          send(checkpoint, request, response, broken ? 1_000_000 : Infinity);
        }
      };
      const first = await models(['pull', 'nih']);
      expect(first.exitCode).toBe(1);
      expect(first.output).toContain('huggingface.co/torchxrayvision/densenet121-res224-nih');
      expect(first.output).toContain('answered 404');
      expect(first.output).toContain('goes on where it ended');
      expect(asked).toContain('github.com whole');

      broken = false;
      asked = [];
      const second = await models(['pull', 'nih']);
      expect(second).toMatchObject({ exitCode: 0 });
      expect(second.output).toContain(`Installed ${NIH} with 14 findings`);
      expect(asked).toEqual(['github.com bytes=1000000-']);
      expect(await readdir(join(folder, 'models', '.downloads'))).toEqual([]);
    },
  );

  test(
    'verify downloads the published image and says when the scores are not the published ones',
    { timeout: 180_000 },
    async () => {
      const file = join(data, 'densenet121-module-legacy.pt');
      const imported = await models(['import', file, '--as', 'all']);
      expect(imported).toMatchObject({ exitCode: 0 });
      expect(imported.output).toContain('nothing proves that the file is densenet121-res224-all');

      const image = await readFile(join(data, '..', 'nih-cxr14-subset/images/00000003_001.jpg'));
      answer = (request, response) => {
        send(image, request, response, Infinity);
      };
      const verified = await models(['verify', 'densenet121-res224-all', '--image']);
      expect(asked).toEqual(['raw.githubusercontent.com whole']);
      expect(verified.output).toMatch(/Effusion +0\.\d{6} {2}published 0\.394274/);
      expect(verified.output).toContain('model-self-test-failed');
      expect(verified.exitCode).toBe(2);

      answer = (_, response) => response.writeHead(404).end();
      const missing = await models(['verify', 'densenet121-res224-all', '--image']);
      expect(missing.output).toMatch(/answered 404.*--image FILE/);
      expect(missing.exitCode).toBe(1);
    },
  );
});
