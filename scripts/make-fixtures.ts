// Writes computed DICOM chest studies to a folder, for whoever wants files to try the pipeline with.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { Command, InvalidArgumentError, Option } from 'commander';

import { DEMO_SYNTAXES, demoStudies, type DemoSyntax } from './phantom/demo-studies.js';

export interface FixtureOptions {
  readonly out: string;
  readonly count: number;
  readonly size: number;
  readonly seed: string;
  readonly syntax: DemoSyntax;
}

/** Writes `<out>/<number>-<case>/<view>.dcm` and reports each path. */
export async function writeFixtures(
  { out, count, size, seed, syntax }: FixtureOptions,
  report: (file: string, finding: string) => void,
): Promise<void> {
  let number = 0;
  for await (const study of demoStudies({ seed, count, Rows: size, Columns: size, syntax })) {
    number += 1;
    const folder = path.join(out, `${String(number).padStart(3, '0')}-${study.name}`);
    await mkdir(folder, { recursive: true });
    for (const { view, bytes } of study.instances) {
      const file = path.join(folder, `${view.toLowerCase()}.dcm`);
      await writeFile(file, bytes);
      report(file, study.finding);
    }
  }
}

function wholeNumber(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < low || value > high) {
      throw new InvalidArgumentError(`Expected a whole number from ${low} to ${high}.`);
    }
    return value;
  };
}

export function fixturesCommand(): Command {
  return new Command('make-fixtures')
    .description('Compute chest radiographs of a thorax phantom and write them as DICOM files.')
    .requiredOption('--out <folder>', 'folder to write to; made if absent')
    .option('--count <n>', 'number of studies', wholeNumber(1, 100_000), 8)
    .option('--size <pixels>', 'rows and columns of each image', wholeNumber(64, 4096), 1024)
    .option('--seed <text>', 'the same seed gives the same bytes', 'fixtures')
    .addOption(
      new Option('--syntax <name>', 'transfer syntax').choices(DEMO_SYNTAXES).default('explicit'),
    )
    .action((options: FixtureOptions) =>
      writeFixtures(options, (file, finding) => {
        console.log(`${file}  ${finding}`);
      }),
    );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await fixturesCommand().parseAsync();
}
