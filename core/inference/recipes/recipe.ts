import { PipelineError } from '../../errors.js';
import type { DecodedImage } from '../../imaging/decoded-image.js';
import { cxrSquare } from './cxr-square.js';
import { txrv224, txrv224Voi } from './txrv-224.js';

/**
 * A preprocessing recipe: a decoded image to one channel of the model's input.
 *
 * Shape of the result: [size, size], row-major, in the range that the recipe's comment states. A recipe
 * never changes under its name: another arithmetic is another version.
 */
export type Recipe = (image: DecodedImage, size: number) => Float32Array<ArrayBuffer>;

const RECIPES: Readonly<Record<string, Recipe>> = {
  'cxr-square@1': cxrSquare,
  'txrv-224@1': txrv224,
  'txrv-224-voi@1': txrv224Voi,
};

export const RECIPE_NAMES: readonly string[] = Object.keys(RECIPES);

/** Throws `recipe-unknown`. */
export function getRecipe(name: string): Recipe {
  const recipe = Object.hasOwn(RECIPES, name) ? RECIPES[name] : undefined;
  if (recipe === undefined) {
    throw new PipelineError('recipe-unknown', `There is no preprocessing recipe ${name}.`);
  }
  return recipe;
}
