import { PipelineError } from '../../errors.js';
import { centreSquare, centreSquareInSpace, type Crop } from '../../imaging/centre-crop.js';
import type { ImageRows } from '../../imaging/image-rows.js';
import { cxrSquare } from './cxr-square.js';
import { txrv224, txrv224Voi } from './txrv-224.js';

/**
 * A preprocessing recipe: the rows of an image to one channel of the model's input.
 *
 * Shape of the result: [size, size], row-major, in the range that the recipe's comment states. A recipe
 * never changes under its name: another arithmetic is another version.
 */
export type Recipe = (
  image: ImageRows,
  size: number,
  /** Where the result is written; new memory when absent. */
  into?: Float32Array,
) => Float32Array;

interface RecipeEntry {
  readonly apply: Recipe;
  /** Values that it delivers. */
  readonly range: readonly [number, number];
  /** The part of an image that it takes. */
  readonly crop: (image: Pick<ImageRows, 'header'>) => Crop;
}

const RECIPES: Readonly<Record<string, RecipeEntry>> = {
  'cxr-square@1': { apply: cxrSquare, range: [-1, 1], crop: centreSquareInSpace },
  'txrv-224@1': { apply: txrv224, range: [-1024, 1024], crop: centreSquare },
  'txrv-224-voi@1': { apply: txrv224Voi, range: [-1024, 1024], crop: centreSquareInSpace },
};

export const RECIPE_NAMES: readonly string[] = Object.keys(RECIPES);

/** Throws `recipe-unknown`. */
export function getRecipe(name: string): Recipe {
  return entryOf(name).apply;
}

/** The values that a recipe delivers. Throws `recipe-unknown`. */
export function recipeRange(name: string): readonly [number, number] {
  return entryOf(name).range;
}

/** The part of an image that a recipe takes. Throws `recipe-unknown`. */
export function recipeCrop(name: string): (image: Pick<ImageRows, 'header'>) => Crop {
  return entryOf(name).crop;
}

function entryOf(name: string): RecipeEntry {
  const entry = Object.hasOwn(RECIPES, name) ? RECIPES[name] : undefined;
  if (entry === undefined) {
    throw new PipelineError('recipe-unknown', `There is no preprocessing recipe ${name}.`);
  }
  return entry;
}
