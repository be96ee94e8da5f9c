import { readCatalogue } from '../../adapters/models/read-catalogue.js';
import { chosenModel } from '../../adapters/models/find-model.js';
import { listModels } from '../../adapters/models/list-models.js';
import { trainedOutputs } from '../../core/models/imported-manifest.js';
import type { ModelsFolder } from './models-folder.js';

/** `preread models list`: what is installed, and what could be pulled. */
export async function listCommand(
  { searchPath, modelsDir }: ModelsFolder,
  { json }: { readonly json: boolean },
): Promise<void> {
  const installed = await listModels(searchPath);
  const chosen = chosenModel(searchPath);
  const { models, licence } = await readCatalogue();
  const names = new Set(installed.map(({ name }) => name));
  const available = Object.entries(models).filter(([name]) => !names.has(name));
  if (json) {
    const report = {
      modelsDir,
      chosen,
      installed: installed.map(({ name, folder, manifest, problem }) => ({
        name,
        folder,
        version: manifest?.version,
        sha256: manifest?.file.sha256,
        recipe: manifest?.input.recipe,
        findings: manifest?.findings.map(({ key }) => key),
        precisions: manifest && ['fp32', ...(manifest.variants ?? []).map((v) => v.precision)],
        problem,
      })),
      available: available.map(([name, { title, url }]) => ({ name, title, url, licence })),
    };
    process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
    return;
  }
  const lines = installed.map(({ name, folder, manifest, problem }) => {
    const mark = name === chosen ? '*' : ' ';
    if (manifest === undefined) {
      return `${mark} ${name}  not usable: ${problem ?? ''}`;
    }
    const forms = ['fp32', ...(manifest.variants ?? []).map(({ precision }) => precision)];
    return `${mark} ${name}@${manifest.version}  ${manifest.findings.length} findings, ${forms.join(' + ')}, ${folder}`;
  });
  const more = available.map(
    ([name, model]) => `  ${name}  ${trainedOutputs(model).length} findings, ${licence}`,
  );
  process.stdout.write(
    `Installed (* is used when none is named):\n${lines.join('\n')}\n` +
      (more.length === 0
        ? ''
        : `\nTo be had with "preread models pull NAME":\n${more.join('\n')}\n`),
  );
}
