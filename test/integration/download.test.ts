import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { download, type DownloadOptions } from '../../adapters/models/download.js';
import { freePort } from '../support/free-port.js';
import { runPreread } from '../support/preread-process.js';
import { describeWithData } from '../support/shared-data.js';
import { startWebProxy, type WebProxy } from '../support/web-proxy.js';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const CONTENT = Buffer.from(
  Array.from({ length: 200_000 }, (_, index) => (index * 7 + (index >> 8)) & 255),
);
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');

let folder: string;
let path: string;
let handler: Handler;
let requests: IncomingMessage[];
let sockets: Set<Socket>;
let server: ReturnType<typeof createServer>;
let url: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'preread-download-'));
  path = join(folder, 'model.pt');
  requests = [];
  sockets = new Set();
  server = createServer((incoming, response) => {
    requests.push(incoming);
    handler(incoming, response);
  });
  server.on('connection', (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.pt`;
});

afterEach(async () => {
  for (const socket of sockets) {
    socket.destroy();
  }
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

function get(options: Partial<DownloadOptions> = {}) {
  return download(url, path, { proxy: {}, firstWaitMs: 1, ...options });
}

/** Answers as it should, from the byte that is asked for. */
function serve(content: Buffer, limit = Infinity): Handler {
  return ({ headers }, response) => {
    const start = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
    if (start >= content.length) {
      response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
      return;
    }
    response.writeHead(start === 0 ? 200 : 206, {
      'content-length': content.length - start,
      ...(start > 0 && {
        'content-range': `bytes ${start}-${content.length - 1}/${content.length}`,
      }),
    });
    if (content.length - start <= limit) {
      response.end(content.subarray(start));
      return;
    }
    response.write(content.subarray(start, start + limit), () => {
      response.destroy();
    });
  };
}

async function expectWhole(): Promise<void> {
  expect((await readFile(path)).equals(CONTENT)).toBe(true);
  expect(await readdir(folder)).toEqual(['model.pt']);
}

test('a whole file arrives under its name with its hash', async () => {
  handler = serve(CONTENT);
  const seen: (number | undefined)[] = [];
  const found = await get({ onProgress: (done, total) => seen.push(done, total) });
  expect(found).toEqual({ sha256: SHA256, sizeBytes: CONTENT.length });
  expect(seen.slice(-2)).toEqual([CONTENT.length, CONTENT.length]);
  await expectWhole();
});

test('a connection that breaks again and again is continued where it ended', async () => {
  handler = (_, response) => {
    cut = () => response.destroy();
    const start = Number(/\d+/.exec(requests.at(-1)?.headers.range ?? '0')?.[0]);
    response.writeHead(start === 0 ? 200 : 206, {
      'content-length': CONTENT.length - start,
      'content-range': `bytes ${start}-${CONTENT.length - 1}/${CONTENT.length}`,
    });
    response.write(CONTENT.subarray(start, start + 30_000));
  };
  let cut = (): unknown => undefined;
  await get({
    sha256: SHA256,
    onProgress: (done) => {
      if (done % 30_000 === 0) {
        cut();
      }
    },
  });
  expect(requests.length).toBeGreaterThan(4);
  expect(requests.slice(1).every(({ headers }) => headers.range !== undefined)).toBe(true);
  await expectWhole();
});

test('what an earlier call has left is continued', async () => {
  handler = serve(CONTENT);
  await writeFile(`${path}.part`, CONTENT.subarray(0, 150_000));
  await get({ sha256: SHA256 });
  expect(requests[0]?.headers.range).toBe('bytes=150000-');
  await expectWhole();
});

test('a part that is whole already needs no byte, a longer one is begun anew', async () => {
  handler = serve(CONTENT);
  await writeFile(`${path}.part`, CONTENT);
  await get({ sha256: SHA256 });
  await expectWhole();
  await rm(path);
  await writeFile(`${path}.part`, Buffer.concat([CONTENT, CONTENT]));
  await get({ sha256: SHA256 });
  await expectWhole();
});

test('a server that ignores Range sends the file from its start', async () => {
  handler = (_, response) => {
    response.writeHead(200, { 'content-length': CONTENT.length }).end(CONTENT);
  };
  await writeFile(`${path}.part`, CONTENT.subarray(0, 99_000));
  await get({ sha256: SHA256 });
  await expectWhole();
});

test('a server that announces more than it has gives no file', async () => {
  handler = ({ headers }, response) => {
    if (headers.range !== undefined) {
      response.socket?.destroy();
      return;
    }
    response.writeHead(200, { 'content-length': CONTENT.length + 5 });
    response.write(CONTENT, () => response.destroy());
  };
  await expect(get()).rejects.toMatchObject({ code: 'download-failed' });
  expect(await readdir(folder)).toEqual(['model.pt.part']);
});

test('another size than the published one is refused before a byte is written', async () => {
  handler = serve(CONTENT);
  await expect(get({ sizeBytes: 5 })).rejects.toMatchObject({ code: 'download-failed' });
  expect(await readdir(folder)).toEqual([]);
});

test('an answer with another part of the file is refused', async () => {
  handler = (_, response) => {
    response.writeHead(206, { 'content-range': 'bytes 7-9/200000' }).end('abc');
  };
  await writeFile(`${path}.part`, CONTENT.subarray(0, 9));
  await expect(get()).rejects.toThrow('another part of the file');
});

test('wrong bytes are deleted and reported with both hashes', async () => {
  handler = serve(Buffer.alloc(1_000));
  await expect(get({ sha256: SHA256 })).rejects.toMatchObject({
    code: 'model-hash-mismatch',
    message: expect.stringContaining(SHA256) as string,
  });
  expect(await readdir(folder)).toEqual([]);
});

test('404 fails at once, 503 is tried again', async () => {
  handler = (_, response) => response.writeHead(404).end();
  await expect(get()).rejects.toThrow(/answered 404/);
  expect(requests).toHaveLength(1);
  handler = (incoming, response) => {
    if (requests.length < 4) {
      response.writeHead(503).end();
    } else {
      serve(CONTENT)(incoming, response);
    }
  };
  await get();
  await expectWhole();
});

test('without a network the message says what to do', async () => {
  const port = await freePort();
  await expect(
    download(`http://127.0.0.1:${port}/m.pt`, path, { proxy: {}, firstWaitMs: 1 }),
  ).rejects.toMatchObject({
    code: 'download-failed',
    message: expect.stringMatching(/ECONNREFUSED.*HTTPS_PROXY/s) as string,
  });
});

test('a stopped download keeps what it has', async () => {
  const stop = new AbortController();
  handler = (_, response) => {
    response.writeHead(200, { 'content-length': CONTENT.length });
    response.write(CONTENT.subarray(0, 50_000));
  };
  await expect(
    get({
      signal: stop.signal,
      onProgress: (done) => {
        if (done === 50_000) {
          stop.abort();
        }
      },
    }),
  ).rejects.toThrow();
  expect((await readFile(`${path}.part`)).equals(CONTENT.subarray(0, 50_000))).toBe(true);
});

describe('behind a proxy', () => {
  let proxy: WebProxy;

  beforeEach(async () => {
    proxy = await startWebProxy();
  });

  afterEach(() => proxy.close());

  test('the proxy is used, except for the hosts of NO_PROXY', async () => {
    handler = serve(CONTENT);
    await get({ proxy: { httpProxy: proxy.url } });
    expect(proxy.asked).toHaveLength(1);
    await expectWhole();
    await rm(path);
    await get({ proxy: { httpProxy: proxy.url, noProxy: '127.0.0.1' } });
    expect(proxy.asked).toHaveLength(1);
    await expectWhole();
  });
});

describeWithData('txrv', 'preread models pull', (data) => {
  test(
    'installs what a mirror serves, remembers its hash, and refuses other bytes later',
    { timeout: 180_000 },
    async () => {
      const checkpoint = await readFile(join(data, 'densenet121-module-legacy.pt'));
      handler = serve(checkpoint, 20_000_000);
      const pull = (...more: string[]) =>
        runPreread(['models', 'pull', 'rsna', '--url', url, '--models-dir', folder, ...more]);
      const first = await pull();
      expect(first).toMatchObject({ exitCode: 0 });
      expect(first.output).toContain('None is published for this file: it is remembered');
      expect(first.output).toContain('Installed densenet121-res224-rsna with 2 findings');

      const again = await pull();
      expect(again).toMatchObject({ exitCode: 2 });
      const forced = await pull('--force');
      expect(forced.output).toContain('the same as at the first pull');

      checkpoint[checkpoint.length - 1] = 77;
      const changed = await pull('--force');
      expect(changed).toMatchObject({ exitCode: 2 });
      expect(changed.output).toContain('model-hash-mismatch');
      const verified = await runPreread([
        'models',
        'verify',
        'densenet121-res224-rsna',
        '--models-dir',
        folder,
      ]);
      expect(verified).toMatchObject({ exitCode: 0 });
    },
  );
});
