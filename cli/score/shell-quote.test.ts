import { execFileSync } from 'node:child_process';

import { expect, test } from 'vitest';

import { resumeCommand, shellQuote } from './shell-quote.js';

test.each(['plain', 'two words', "it's", '$HOME `id` "x"', 'a\nb', '*', '', '~'])(
  'a shell reads %j back',
  (word) => {
    const printed = execFileSync('sh', ['-c', `printf '%s' ${shellQuote(word)}`]);
    expect(printed.toString()).toBe(word);
  },
);

test('the command to resume is the one that was given, with --resume in the place of --force', () => {
  expect(resumeCommand(['score', 'my scans', '--force', '--out', 's.csv'])).toBe(
    "preread score 'my scans' --out s.csv --resume",
  );
  expect(resumeCommand(['score', 'a', '--resume', '--out', 's.csv'])).toBe(
    'preread score a --out s.csv --resume',
  );
});
