import { execFile, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

import { packageRoot } from '../../adapters/process/package-info.js';
import { makeAuthority } from '../support/certificates.js';
import { newChest } from '../support/chest-sender.js';
import { spawnServer, type ChildServer } from '../support/child-server.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { describeWithPeer } from '../support/peers.js';
import { startPostgres, type PostgresServer } from '../support/postgres-server.js';
import { runPreread, startServe, type PrereadProcess } from '../support/preread-process.js';
import { temporaryFolder } from '../support/temp-folder.js';
import { startWebhookReceiver } from '../support/webhook-receiver.js';

const PASSWORD = 'letters4digits';
const ROLES = ['ingest', 'inference', 'assemble', 'delivery'] as const;

const service = z.object({
  command: z.array(z.string()).optional(),
  env_file: z.array(z.object({ path: z.string(), required: z.boolean() })).optional(),
  environment: z.record(z.string(), z.string()),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
});
const composeSchema = z.object({ services: z.record(z.string(), service) });

/** The file as Compose reads it: `${NAME:-default}`, `${NAME:?message}` and merge keys. */
function readCompose(env: Readonly<Record<string, string>>) {
  const fill = (text: string): string =>
    text.replace(
      /\$\{(\w+)(?::([-?])([^}]*))?\}/g,
      (_all, name: string, kind?: string, rest?: string) => {
        const value = env[name] ?? '';
        if (value === '' && kind === '?') {
          throw new Error(rest);
        }
        return value === '' && kind === '-' ? (rest ?? '') : value;
      },
    );
  const text = readFileSync(join(packageRoot, 'docker-compose.yml'), 'utf8');
  // Values are filled in after the file is parsed, as Compose does: an empty one is an empty text.
  const filled: unknown = JSON.parse(
    JSON.stringify(parse(text, { merge: true })),
    (_key, value: unknown) => (typeof value === 'string' ? fill(value) : value),
  );
  return composeSchema.parse(filled).services;
}

it('docker-compose.yml asks for passwords', () => {
  expect(() => readCompose({})).toThrow('set POSTGRES_PASSWORD in .env');
});

it('docker-compose.yml passes all of .env on to each role', () => {
  const services = readCompose({ POSTGRES_PASSWORD: PASSWORD, REDIS_PASSWORD: PASSWORD });
  for (const role of [...ROLES, 'inference-gpu']) {
    expect(services[role]?.env_file, role).toEqual([{ path: '.env', required: false }]);
  }
});

it('the health check of the image asks whether the process lives, in clear or by TLS', async () => {
  const dockerfile = readFileSync(join(packageRoot, 'Dockerfile'), 'utf8');
  const [, command = ''] = /^HEALTHCHECK [^]*?CMD (\[.*\])$/m.exec(dockerfile) ?? [];
  const [program = '', ...args] = z.array(z.string()).parse(JSON.parse(command));
  const asks = (port: number) =>
    promisify(execFile)(program, args, { env: { ...process.env, PREREAD_PORT: `${port}` } });
  const answer: RequestListener = ({ url }, response) => {
    response.writeHead(url === '/healthz' ? 200 : 503).end();
  };
  const { cert, key } = makeAuthority(temporaryFolder(), 'authority').issue('server');
  const tls = { cert: readFileSync(cert), key: readFileSync(key) };
  for (const server of [createServer(answer), createTlsServer(tls, answer)]) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await asks(port);
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
    await expect(asks(port)).rejects.toMatchObject({ code: 1 });
  }
});

describeWithPeer('postgres', 'the services of docker-compose.yml', (peer) => {
  describeWithPeer('redis', 'with Redis', (redisPeer) => {
    let postgres: PostgresServer;
    let redis: ChildServer | undefined;
    beforeAll(async () => {
      postgres = await startPostgres(peer);
    });
    afterAll(async () => {
      await redis?.end('SIGKILL');
      await postgres.stop();
    });

    it('bring a study from the wire to the webhook, by the commands and settings of the file', async () => {
      const receiver = await startWebhookReceiver();
      const services = readCompose({
        POSTGRES_PASSWORD: PASSWORD,
        REDIS_PASSWORD: PASSWORD,
        PREREAD_WEBHOOK_URL: receiver.url,
        PREREAD_WEBHOOK_SECRET: receiver.secret,
      });
      const adminUrl = await postgres.createDatabase();
      await makeDatabase(adminUrl, services['postgres']!.environment);
      const postgresPort = new URL(adminUrl).port;
      const redisPort = `${await freePort()}`;
      const [program, ...args] = services['redis']!.command!;
      redis = spawnServer(redisPeer.program(program!), [
        ...args,
        ...['--port', redisPort, '--bind', '127.0.0.1', '--dir', temporaryFolder()],
      ]);
      await eventually(() => {
        const [kind, tool, ...rest] = services['redis']!.healthcheck!.test;
        expect(kind).toBe('CMD');
        const answer = execFileSync(tool!, ['-p', redisPort, ...rest], {
          env: { PATH: process.env['PATH'], ...services['redis']!.environment },
        });
        expect(answer.toString()).toBe('PONG\n');
      });

      // Names and folders of the containers' network are those of this machine here.
      const folder = temporaryFolder();
      const envOf = (role: string) => ({
        ...Object.fromEntries(
          Object.entries(services[role]!.environment).map(([name, value]) => [
            name,
            value
              .replace('@postgres:5432', `@127.0.0.1:${postgresPort}`)
              .replace('@redis:6379', `@127.0.0.1:${redisPort}`)
              .replace(/^\/data$/, folder),
          ]),
        ),
        // Each container has ports of its own; here they share those of one machine.
        PREREAD_PORT: '0',
        PREREAD_MIN_FREE_BYTES: '0',
        PREREAD_WEBHOOK_BODY: 'full',
      });
      const created = await runPreread(
        'keys create --name pacs --scope ingest --scope read'.split(' '),
        envOf('ingest'),
      );
      const key = /prk_\S+/.exec(created.output)?.[0] ?? '';
      const processes: PrereadProcess[] = [];
      try {
        for (const role of ROLES) {
          const [command, ...flags] = services[role]!.command!;
          expect(command).toBe('serve');
          processes.push(await startServe(envOf(role), flags));
        }
        const url = new URL(processes[0]!.url);
        url.hostname = '127.0.0.1';
        const chest = newChest();
        const send = (headers: Record<string, string>) =>
          fetch(new URL('/dicom-web/studies', url), {
            method: 'POST',
            headers: { 'content-type': 'application/dicom', ...headers },
            body: chest.bytes,
          });
        expect((await send({ authorization: `Bearer ${key}` })).status).toBe(200);
        await receiver.until(() => receiver.attempts > 0, 'the result');
      } finally {
        for (const process of processes.reverse()) {
          expect(await process.stop()).toBe(0);
        }
        await receiver.close();
      }
    });
  });
});

/** What the image of PostgreSQL makes of its environment. */
async function makeDatabase(
  adminUrl: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    const user = client.escapeIdentifier(env['POSTGRES_USER'] ?? '');
    const password = client.escapeLiteral(env['POSTGRES_PASSWORD'] ?? '');
    await client.query(`CREATE ROLE ${user} LOGIN PASSWORD ${password}`);
    const database = client.escapeIdentifier(env['POSTGRES_DB'] ?? '');
    await client.query(`CREATE DATABASE ${database} OWNER ${user}`);
  } finally {
    await client.end();
  }
}
