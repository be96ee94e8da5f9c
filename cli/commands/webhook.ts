import type { Command } from 'commander';

import { secretSchema } from '../../adapters/destinations/read-secret.js';
import { PipelineError } from '../../core/errors.js';
import { EXIT } from '../exit-codes.js';
import { onStopSignal } from '../serve/stop-signal.js';
import { describeEvent } from '../webhook/describe-event.js';
import { startWebhookListener, type WebhookEvent } from '../webhook/webhook-listener.js';
import { wholeNumberFrom } from '../whole-number.js';

interface Flags {
  readonly host: string;
  readonly port: number;
  readonly secret: readonly string[];
  readonly json: boolean;
  readonly failWith?: number;
  readonly failFirst?: number;
  readonly count?: number;
}

const HELP = `
Verifies the signature, the age and the form of every message, prints it, and answers 204; 400 when one of
these does not hold. A message that comes again (same webhook-id) is marked. Nothing is kept.

--secret is a reference, env:NAME or file:PATH; give it twice while a secret is being replaced.
--fail-with answers a verified message with this status, to see what preread does then: 500 and 503 are
tried again, 410 closes the destination.

Exit codes:
  ${EXIT.ok}  stopped, or --count messages were taken
  ${EXIT.usage}  wrong arguments, or a secret that cannot be read

Examples:
  export SECRET="whsec_$(openssl rand -base64 32)"
  preread webhook listen --secret env:SECRET
  PREREAD_WEBHOOK_URL=http://127.0.0.1:8143/ PREREAD_WEBHOOK_SECRET=$SECRET preread serve
  preread webhook listen --secret env:SECRET --json --count 1 | jq .message.data.triage
  preread webhook listen --secret env:SECRET --fail-with 503 --fail-first 3`;

export function register(program: Command): void {
  const command = program
    .command('webhook')
    .summary('a receiver of webhooks, to try and to build with')
    .description('For whoever builds a receiver of webhooks.');
  command
    .command('listen')
    .description('Takes webhooks, verifies them and prints them.')
    .requiredOption('--secret <reference>', 'whose signatures count; may be repeated', collect, [])
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port to listen on', wholeNumberFrom(0, 65_535), 8143)
    .option('--json', 'one JSON object a line: id, repeated, answer, message', false)
    .option('--fail-with <status>', 'answer this instead of 204', wholeNumberFrom(300, 599))
    .option(
      '--fail-first <count>',
      'with --fail-with: only so many messages',
      wholeNumberFrom(1, 1e9),
    )
    .option('--count <count>', 'stop after so many messages were taken', wholeNumberFrom(1, 1e9))
    .addHelpText('after', HELP)
    .action(listen);
}

async function listen(flags: Flags): Promise<void> {
  let taken = 0;
  let enough = (): void => undefined;
  const done = new Promise<void>((resolve) => {
    enough = resolve;
  });
  const listener = await startWebhookListener(
    {
      secrets: flags.secret.map(readSecret),
      host: flags.host,
      port: flags.port,
      failure:
        flags.failWith === undefined
          ? undefined
          : { status: flags.failWith, first: flags.failFirst ?? Infinity },
    },
    (event) => {
      print(event, flags.json);
      taken += event.kind === 'message' && event.answer === 204 ? 1 : 0;
      if (taken === flags.count) {
        enough();
      }
    },
  );
  console.error(`listening on ${listener.url}, Ctrl-C stops`);
  try {
    await Promise.race([done, onStopSignal()]);
  } finally {
    await listener.close();
  }
}

function print(event: WebhookEvent, json: boolean): void {
  if (event.kind === 'refused') {
    console.error(`refused: ${event.reason}`);
  } else if (json) {
    const { id, repeated, answer, message } = event;
    console.log(JSON.stringify({ id, repeated, answer, message }));
  } else {
    console.log(describeEvent(event));
  }
}

function readSecret(reference: string): string {
  const parsed = secretSchema(process.env).safeParse(reference);
  if (!parsed.success) {
    const reason = parsed.error.issues.map(({ message }) => message).join('; ');
    throw new PipelineError('config-invalid', `--secret: ${reason}`);
  }
  return parsed.data;
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
