/** Other spellings of findings in label files, squeezed, to the squeezed name that models use. */
const ALIASES: Readonly<Record<string, string>> = {
  pleuraleffusion: 'effusion',
  infiltrate: 'infiltration',
  infiltrates: 'infiltration',
  oedema: 'edema',
  pulmonaryedema: 'edema',
  pulmonaryfibrosis: 'fibrosis',
  hiatalhernia: 'hernia',
};

/**
 * A finding's name reduced to what label sets agree on: `Pleural Effusion`, `Effusion` and `effusion` are
 * one name, so are `Pleural_Thickening` and `Pleural Thickening`.
 */
export function findingName(text: string): string {
  const squeezed = squeeze(text);
  return Object.hasOwn(ALIASES, squeezed) ? ALIASES[squeezed]! : squeezed;
}

/** Lower case, letters and digits only. */
export function squeeze(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]/g, '');
}
