/**
 * `npm run test:chaos -- [--backend embedded|redis] [--kills N] [--seed S]`: breaks a running pipeline and
 * holds what is left against what it has promised. Exit code 1 when a promise was broken.
 */
import { parseArgs } from 'node:util';

import { z } from 'zod';

import { chaosTable } from './report.js';
import { runChaos } from './run-chaos.js';
import { BACKENDS } from './system.js';

const optionsSchema = z.object({
  backend: z.enum(BACKENDS).default('embedded'),
  kills: z.coerce.number().int().positive().default(20),
  seed: z.string().default('1'),
});

const { values } = parseArgs({
  options: { backend: { type: 'string' }, kills: { type: 'string' }, seed: { type: 'string' } },
});
const options = optionsSchema.parse(values);
const report = await runChaos({
  ...options,
  onProgress(line) {
    console.error(line);
  },
});
for (const words of report.ownEnds) {
  console.error(`ended by itself, ${words}`);
}
for (const violation of report.verdict.violations) {
  console.error(`BROKEN: ${violation}`);
}
console.log(chaosTable(report));
process.exitCode = report.verdict.violations.length === 0 ? 0 : 1;
