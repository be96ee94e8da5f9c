/**
 * Linear attenuation coefficients per mm, for the 60 to 70 keV of a filtered chest beam.
 * Source: NIST XCOM mass coefficients times the densities of ICRU 44; lung at 0.27 g/cm3.
 */
export const ATTENUATION_PER_MM = {
  air: 0,
  lung: 0.0053,
  fat: 0.0178,
  softTissue: 0.0201,
  blood: 0.0207,
  liver: 0.0208,
  /** Pleural fluid is nearly water. */
  fluid: 0.0199,
  spongyBone: 0.029,
  compactBone: 0.047,
  /** The side marker: more than enough to be opaque. */
  lead: 2,
} as const;
