import { type Command, InvalidArgumentError, Option } from 'commander';

import { RECIPE_NAMES } from '../../core/inference/recipes/recipe.js';
import { EXIT } from '../exit-codes.js';
import type { ImportFlags } from '../models/import-model.js';
import { modelsFolder } from '../models/models-folder.js';
import type { PullFlags } from '../models/pull-model.js';
import type { QuantiseFlags } from '../models/quantise-model.js';
import { wholeNumberFrom } from '../whole-number.js';

interface FolderFlag {
  readonly modelsDir?: string;
}

const HELP = `
Models are folders with a manifest.json. They are installed in PREREAD_MODELS_DIR, or else in
~/.local/share/preread/models; the ones that come with preread stay where they are. Set the variable
when a service runs under another user than the one who installs.

Published weights (TorchXRayVision's DenseNet121 at 224 pixels) are downloaded, checked against their
SHA-256 and converted to ONNX. Where no SHA-256 is published, the one of the first download is
remembered and said. Checkpoints are read without Python, and nothing in them is executed.

Exit codes:
  ${EXIT.ok}    done
  ${EXIT.failure}    it failed: no network, a file that cannot be imported, a test that does not pass
  ${EXIT.usage}    wrong arguments, or a model that is not there or not valid
  ${EXIT.interrupted}  stopped by Ctrl-C; a download goes on where it ended

Examples:
  preread models list
  preread models pull all && preread models use densenet121-res224-all
  HTTPS_PROXY=http://proxy:3128 preread models pull nih
  preread models import ~/Downloads/model.pt --as all
  preread models import mine.pt --name my-model --labels Effusion,Nodule
  preread models quantise my-model --calibration images/ --labels labels.csv
  preread models verify densenet121-res224-all --image

Research and evaluation only. Not a medical device.`;

export function register(program: Command): void {
  const models = program
    .command('models')
    .summary('list, download, import, verify and choose models')
    .description('Manages the models that serve and score use.')
    .addHelpText('after', HELP);

  withFolder(models.command('list').description('what is installed and what can be pulled'))
    .option('--json', 'as JSON', false)
    .action(async (flags: FolderFlag & { json: boolean }) => {
      const { listCommand } = await import('../models/list-command.js');
      await listCommand(modelsFolder(flags.modelsDir), flags);
    });

  withFolder(models.command('pull').description('download published weights and install them'))
    .argument('<name>', 'in the catalogue, such as densenet121-res224-all or all')
    .option('--url <url>', 'a mirror of the file instead of the published address', webAddress)
    .option('--force', 'replace an installed model', false)
    .action(async (name: string, flags: FolderFlag & PullFlags) => {
      const { pullModel } = await import('../models/pull-model.js');
      const stop = new AbortController();
      process.once('SIGINT', () => {
        stop.abort();
      });
      try {
        await pullModel(name, modelsFolder(flags.modelsDir), flags, stop.signal);
      } catch (error) {
        if (!stop.signal.aborted) {
          throw error;
        }
        process.stderr.write('Interrupted. The same command goes on where it ended.\n');
        process.exitCode = EXIT.interrupted;
      }
    });

  withFolder(models.command('import').description('install a PyTorch DenseNet checkpoint'))
    .argument('<file>', 'what torch.save wrote: a module or a state dict')
    .option('--as <name>', 'published weights of this name')
    .option('--name <name>', 'for your own weights: name of the new model', modelName)
    .option(
      '--labels <list>',
      'for your own weights: findings in order; empty ones are left out',
      list,
    )
    .addOption(
      new Option('--recipe <name>', 'preprocessing of your own weights')
        .choices(RECIPE_NAMES)
        .default('txrv-224@1'),
    )
    .option(
      '--size <pixels>',
      'side of the input of your own weights',
      wholeNumberFrom(32, 9999),
      224,
    )
    .option('--force', 'replace an installed model', false)
    .action(async (file: string, flags: FolderFlag & ImportFlags) => {
      const { importModel } = await import('../models/import-model.js');
      await importModel(file, modelsFolder(flags.modelsDir), flags);
    });

  withFolder(models.command('verify').description('check hash, graph and self-test of a model'))
    .argument('<name>', 'a model, or the folder of its manifest.json')
    .option(
      '--image [file]',
      'compare the scores of the published test image of TorchXRayVision; without a file it is downloaded',
    )
    .action(async (name: string, flags: FolderFlag & { image?: string | true }) => {
      const { verifyModel } = await import('../models/verify-model.js');
      await verifyModel(name, modelsFolder(flags.modelsDir), flags);
    });

  withFolder(models.command('quantise').description('add an int8 form, measured on your images'))
    .argument('<name>', 'a model, or the folder of its manifest.json')
    .requiredOption('--calibration <folder>', 'images like the ones that the model is for')
    .option('--labels <csv>', 'labels of these images (1, 0), to measure the difference of AUROC')
    .option('--images <n>', 'how many images to calibrate on', wholeNumberFrom(1, 9999), 32)
    .option('--keep <layers>', 'layers that stay in fp32', list, [])
    .option(
      '--target <dB>',
      'signal over noise of the logits to aim at',
      wholeNumberFrom(1, 9999),
      26,
    )
    .action(async (name: string, flags: FolderFlag & QuantiseFlags) => {
      const { quantiseModel } = await import('../models/quantise-model.js');
      await quantiseModel(name, modelsFolder(flags.modelsDir), flags);
    });

  withFolder(models.command('remove').description('remove an installed model'))
    .argument('<name>')
    .action(async (name: string, flags: FolderFlag) => {
      const { removeModel } = await import('../models/choose-and-remove.js');
      await removeModel(name, modelsFolder(flags.modelsDir));
    });

  withFolder(models.command('use').description('choose what is used when no model is named'))
    .argument('<name>', 'an installed model; "default" returns to the shipped one')
    .action(async (name: string, flags: FolderFlag) => {
      const { useModel } = await import('../models/choose-and-remove.js');
      await useModel(name, modelsFolder(flags.modelsDir));
    });
}

function withFolder(command: Command): Command {
  return command.option('--models-dir <folder>', 'folder of installed models');
}

function modelName(text: string): string {
  if (!/^[a-z0-9][a-z0-9.-]*$/.test(text) || text === 'default') {
    throw new InvalidArgumentError('It must be of small letters, digits, dots and hyphens.');
  }
  return text;
}

function webAddress(text: string): string {
  const protocol = URL.canParse(text) ? new URL(text).protocol : '';
  if (protocol !== 'https:' && protocol !== 'http:') {
    throw new InvalidArgumentError('It must begin with https:// (or http://).');
  }
  return text;
}

function list(text: string): string[] {
  return text.split(',').map((label) => label.trim());
}
