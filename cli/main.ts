import { Command, CommanderError } from 'commander';

import { softwareVersion } from '../adapters/process/package-info.js';
import { EXIT } from './exit-codes.js';
import { reportError } from './report-error.js';

/**
 * One module a command, loaded only when it is called: `preread score` must not pay for the servers'
 * imports. Each exports `register(program)`, which adds a commander command with its action.
 */
const COMMANDS: Readonly<Record<string, () => Promise<{ register(program: Command): void }>>> = {
  bench: () => import('./commands/bench.js'),
  calibrate: () => import('./commands/calibrate.js'),
  'dead-letters': () => import('./commands/dead-letters.js'),
  deliveries: () => import('./commands/deliveries.js'),
  demo: () => import('./commands/demo.js'),
  destinations: () => import('./commands/destinations.js'),
  evaluate: () => import('./commands/evaluate.js'),
  export: () => import('./commands/export.js'),
  inspect: () => import('./commands/inspect.js'),
  keys: () => import('./commands/keys.js'),
  models: () => import('./commands/models.js'),
  reprocess: () => import('./commands/reprocess.js'),
  score: () => import('./commands/score.js'),
  serve: () => import('./commands/serve.js'),
  status: () => import('./commands/status.js'),
  tune: () => import('./commands/tune.js'),
  watch: () => import('./commands/watch.js'),
  webhook: () => import('./commands/webhook.js'),
};

const program = new Command('preread')
  .description(
    'AI pre-reads of chest X-rays: from DICOM in to flagged results out.\n' +
      'Decision support for research and evaluation. Not a medical device.',
  )
  .version(softwareVersion)
  .showHelpAfterError('(run with --help for the options)')
  .exitOverride();

const wanted = process.argv[2] ?? '';
const loaders = Object.hasOwn(COMMANDS, wanted) ? [COMMANDS[wanted]!] : Object.values(COMMANDS);
for (const load of loaders) {
  (await load()).register(program);
}

try {
  await program.parseAsync(process.argv);
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  } else {
    process.exitCode = reportError(error);
  }
}
