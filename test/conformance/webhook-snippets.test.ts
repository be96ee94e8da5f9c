import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { transpileModule, ModuleKind, ScriptTarget } from 'typescript';
import { Webhook } from 'standardwebhooks';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { packageRoot } from '../../adapters/process/package-info.js';
import { describeWithPeer } from '../support/peers.js';
import { temporaryFolder } from '../support/temp-folder.js';

/** Of the specification's reference implementations. Source: github.com/standard-webhooks. */
const VECTOR = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  body: '{"test": 2432232314}',
  at: 1_614_265_330,
  headers: {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  },
} as const;
const OTHER_SECRET = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD';

const page = readFileSync(join(packageRoot, 'docs/integration/webhooks.md'), 'utf8');

function snippet(language: string): string {
  const code = new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``).exec(page)?.[1];
  if (code === undefined) {
    throw new Error(`the page has no ${language}`);
  }
  return code;
}

afterEach(() => {
  vi.useRealTimers();
});

describe('the page on webhooks', () => {
  it("has TypeScript that takes the specification's test vector, and no other body", async () => {
    vi.useFakeTimers({ now: VECTOR.at * 1000, toFake: ['Date'] });
    const compilerOptions = { module: ModuleKind.ES2022, target: ScriptTarget.ES2022 };
    const script = transpileModule(snippet('typescript'), { compilerOptions }).outputText;
    const [, names] = /^import \{ (\w+) \} from 'standardwebhooks';\n/.exec(script) ?? [];
    expect(names).toBe('Webhook');
    const body = `${script.slice(script.indexOf('\n'))}\nreturn verify;`;
    // The text of the page is what is tried: it is given what it would import.
    // eslint-disable-next-line @typescript-eslint/no-implied-eval
    const make = new Function('Webhook', body.replaceAll(/^export /gm, '')) as (
      webhook: typeof Webhook,
    ) => (secrets: readonly string[], body: string, headers: Record<string, string>) => unknown;
    const verify = make(Webhook);
    const { secret, headers } = VECTOR;
    expect(verify([OTHER_SECRET, secret], VECTOR.body, headers)).toEqual({ test: 2432232314 });
    expect(() => verify([secret], `${VECTOR.body} `, headers)).toThrow();
    expect(() => verify([OTHER_SECRET], VECTOR.body, headers)).toThrow();
    await Promise.resolve();
  });

  // (secrets, body, time) and what is to be said of them.
  const CASES = [
    { secrets: [OTHER_SECRET, VECTOR.secret], body: VECTOR.body, now: VECTOR.at + 10, ours: true },
    { secrets: [VECTOR.secret], body: `${VECTOR.body} `, now: VECTOR.at, ours: false },
    { secrets: [OTHER_SECRET], body: VECTOR.body, now: VECTOR.at, ours: false },
    { secrets: [VECTOR.secret], body: VECTOR.body, now: VECTOR.at + 301, ours: false },
  ];
  const expected = CASES.map(({ ours }) => ours);

  it.skipIf(spawnSync('python3', ['--version']).status !== 0)(
    'has Python that does the same, and refuses what is old',
    () => {
      const program = `${snippet('python')}
import json, sys
asked = json.load(sys.stdin)
print(json.dumps([
    is_ours(case['secrets'], asked['headers'], case['body'].encode(), case['now'])
    for case in asked['cases']
]))`;
      const { stdout, stderr } = spawnSync('python3', ['-c', program], {
        input: JSON.stringify({ headers: VECTOR.headers, cases: CASES }),
        encoding: 'utf8',
      });
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toEqual(expected);
    },
  );

  describeWithPeer('mono', 'in C#', (mono) => {
    it('has code that does the same', () => {
      const folder = temporaryFolder();
      // A string of JSON is one of C#, as long as it has no lone surrogates.
      const text = (value: string): string => JSON.stringify(value);
      const of = (name: keyof typeof VECTOR.headers): string => text(VECTOR.headers[name]);
      const asked = CASES.map(({ secrets, body, now }) => {
        const given = [
          `new[] { ${secrets.map(text).join(', ')} }`,
          `${of('webhook-id')}, ${of('webhook-timestamp')}`,
          `Encoding.UTF8.GetBytes(${text(body)})`,
          `${of('webhook-signature')}, ${now}`,
        ];
        return `Console.WriteLine(Webhooks.IsOurs(${given.join(', ')}));`;
      });
      const source = join(folder, 'receiver.cs');
      writeFileSync(
        source,
        `${snippet('csharp')}\nclass Program { static void Main() { ${asked.join('\n')} } }`,
      );
      const compiled = spawnSync(mono.program('mcs'), [source], { encoding: 'utf8' });
      expect(compiled.status, compiled.stderr).toBe(0);
      const { stdout } = spawnSync(mono.program('mono'), [join(folder, 'receiver.exe')], {
        encoding: 'utf8',
      });
      expect(stdout.trim().split('\n')).toEqual(expected.map((ours) => (ours ? 'True' : 'False')));
    });
  });
});
