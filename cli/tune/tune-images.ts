import { PipelineError } from '../../core/errors.js';
import { makeInputs, SIZE_OF_DETECTOR } from '../bench/bench-inputs.js';
import { inputFiles } from '../score/input-files.js';
import { parseInputs } from '../score/score-options.js';

/**
 * The first images of what is named, else computed radiographs below `folder`. Throws `request-invalid` when
 * there is no file.
 */
export async function tuneImages(
  args: readonly string[],
  folder: string,
  limit: number,
): Promise<readonly string[]> {
  if (args.length === 0) {
    const { inputs } = await makeInputs([SIZE_OF_DETECTOR], folder);
    return inputs.flatMap(({ paths }) => paths);
  }
  const paths: string[] = [];
  for await (const { path, unreadable } of inputFiles(await parseInputs(args), new Set())) {
    if (unreadable === undefined) {
      paths.push(path);
    }
    if (paths.length === limit) {
      break;
    }
  }
  if (paths.length === 0) {
    throw new PipelineError('request-invalid', 'There is no file in what was named.');
  }
  return paths;
}
