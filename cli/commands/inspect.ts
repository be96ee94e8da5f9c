import { type Command, Option } from 'commander';
import sharp from 'sharp';

import { loadConfig } from '../../adapters/config/load-config.js';
import { inspectImage } from '../../adapters/dicom/inspect-image.js';
import { inferenceConfig } from '../../adapters/inference/config.js';
import { gatePolicyOf } from '../../adapters/inference/gating-config.js';
import { modelsConfig } from '../../adapters/models/config.js';
import { modelSearchPath } from '../../adapters/models/find-model.js';
import { readModelFolder } from '../../adapters/models/load-model.js';
import { loadSiteRules } from '../../adapters/rules/load-site-rules.js';
import { RECIPE_NAMES, recipeRange } from '../../core/inference/recipes/recipe.js';
import type { PreparedImage } from '../../core/inference/image-classifier.js';
import { EXIT } from '../exit-codes.js';
import { renderInspection } from '../inspect/render-inspection.js';

interface InspectFlags {
  readonly model?: string;
  readonly recipe?: string;
  readonly json: boolean;
  readonly png?: string;
  readonly rules?: string;
}

const HELP = `
Shows what the pipeline sees in one file: the attributes that gates read and what they conclude, the
greyscale chain step by step with the values it gives, every gate, and the outcome. Names, ids and UIDs
of patients are not shown. Steps behind a refusing gate are shown as well.

Exit codes:
  ${EXIT.ok}  the image would be analysed
  ${EXIT.partial}  it would not (the outcome says why)
  ${EXIT.usage}  wrong arguments, model or rules
  ${EXIT.failure}  the file cannot be read

Examples:
  preread inspect image.dcm
  preread inspect image.dcm --png input.png     what the network sees
  preread inspect image.dcm --rules rules.yaml  which rules of the site match, and why
  preread inspect image.dcm --json | jq .prepared.gates`;

export function register(program: Command): void {
  program
    .command('inspect')
    .summary('show what the pipeline sees in one file, and why')
    .description('Shows what the pipeline sees in one DICOM, PNG or JPEG file.')
    .argument('<file>')
    .option('--model <name>', 'prepare for this model')
    .addOption(
      new Option('--recipe <name>', "instead of the model's preprocessing").choices(RECIPE_NAMES),
    )
    .option('--rules <file>', "the site's rules (YAML or JSON), instead of PREREAD_RULES")
    .option('--json', 'everything, as JSON', false)
    .option('--png <file>', "write the network's input as a picture")
    .addHelpText('after', HELP)
    .action(async (file: string, flags: InspectFlags) => {
      process.exitCode = await inspect(file, flags);
    });
}

async function inspect(path: string, flags: InspectFlags): Promise<number> {
  const config = loadConfig(inferenceConfig.extend(modelsConfig.shape), process.env);
  const { manifest } = await readModelFolder(
    flags.model ?? config.PREREAD_MODEL,
    modelSearchPath(config.PREREAD_MODELS_DIR),
  );
  const recipe = flags.recipe ?? manifest.input.recipe;
  const report = await inspectImage(
    { path },
    {
      recipe,
      inputSize: manifest.input,
      range: recipeRange(recipe),
      decode: config.PREREAD_DECODE,
      gatePolicy: gatePolicyOf(config),
      siteRules: await loadSiteRules(flags.rules ?? config.PREREAD_RULES),
    },
  );
  const { prepared } = report;
  if (flags.json) {
    const shown = { ...report, prepared: { ...prepared, identity: undefined, tensor: undefined } };
    process.stdout.write(`${JSON.stringify(shown, undefined, 2)}\n`);
  } else {
    process.stdout.write(renderInspection(report));
  }
  if (flags.png !== undefined && prepared.kind === 'ready') {
    await writePicture(flags.png, prepared, manifest.input);
  }
  return prepared.kind === 'ready' ? EXIT.ok : EXIT.partial;
}

/** The first channel of the tensor, its lowest value black and its highest white. */
async function writePicture(
  path: string,
  { tensor }: Extract<PreparedImage, { kind: 'ready' }>,
  { width, height }: { readonly width: number; readonly height: number },
): Promise<void> {
  const plane = tensor.subarray(0, width * height);
  const low = plane.reduce((least, value) => Math.min(least, value), Infinity);
  const high = plane.reduce((most, value) => Math.max(most, value), -Infinity);
  const gain = high > low ? 255 / (high - low) : 0;
  const grey = Uint8Array.from(plane, (value) => Math.round((value - low) * gain));
  await sharp(grey, { raw: { width, height, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toFile(path);
}
