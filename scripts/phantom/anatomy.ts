import type { Habitus } from './habitus.js';
import { ATTENUATION_PER_MM as MU } from './materials.js';
import { profile } from './profile.js';
import type { Layer } from './ray-cast.js';
import { between, column, ellipsoid, shrink, type Point, type Solid } from './solid.js';

/** -1 the patient's right, which is the left of a frontal image; 1 the patient's left. */
export type Side = -1 | 1;

export interface Thorax {
  readonly body: readonly Layer[];
  readonly lungs: Readonly<Record<Side, Solid>>;
  /** Domes with what lies under them. */
  readonly abdomen: readonly Layer[];
  readonly mediastinum: readonly Layer[];
  readonly airways: readonly Layer[];
  /** Inner half-width of the rib cage at a height. */
  readonly innerHalfWidthMm: (y: number) => number;
  readonly domeTopMm: Readonly<Record<Side, number>>;
}

const at = (x: number, y: number, z: number): Point => ({ x, y, z });

/** Outline of the lungs in the frontal plane, mm from the midline. */
const LUNG_LATERAL = profile([
  [0, 50],
  [2, 60],
  [6, 69],
  [13, 78],
  [24, 88],
  [40, 98],
  [60, 107],
  [90, 117],
  [130, 127],
  [170, 134],
  [210, 139],
  [250, 141],
  [310, 141],
]);
/** Crosses the midline low down, where heart and spine displace it. */
const LUNG_MEDIAL = profile([
  [0, 48],
  [2, 40],
  [6, 34],
  [13, 29],
  [30, 22],
  [60, 13],
  [100, 4],
  [150, -4],
  [310, -8],
]);
const LUNG_HALF_DEPTH = profile([
  [0, 3],
  [3, 17],
  [8, 27],
  [15, 36],
  [25, 45],
  [40, 55],
  [60, 65],
  [90, 76],
  [130, 85],
  [170, 91],
  [210, 95],
  [250, 95],
  [275, 84],
  [290, 60],
  [300, 34],
  [306, 4],
]);
const LUNG_MIDDLE_DEPTH = profile([
  [0, 20],
  [40, 14],
  [100, 6],
  [200, 1],
  [250, 3],
  [310, 26],
]);
const LUNG_END_MM = 306;

const DOME_TOP_MM = { [-1]: 236, [1]: 249 } as const;

/** A healthy thorax without its skeleton, before magnification and noise. */
export function drawThorax(habitus: Habitus, armsRaised: boolean): Thorax {
  const { width: w, height: h } = habitus;
  const innerHalfWidthMm = (y: number): number => w * LUNG_LATERAL(y / h);
  const domeTopMm = {
    [-1]: h * DOME_TOP_MM[-1] - habitus.diaphragmRaisedMm,
    [1]: h * DOME_TOP_MM[1] - habitus.diaphragmRaisedMm,
  };
  return {
    body: drawBody(habitus, armsRaised),
    lungs: { [-1]: drawLung(habitus, -1), [1]: drawLung(habitus, 1) },
    abdomen: drawAbdomen(habitus, domeTopMm),
    mediastinum: drawMediastinum(habitus, innerHalfWidthMm(h * 210)),
    airways: [
      {
        perMm: MU.air,
        solid: column({
          yMin: -130,
          yMax: h * 94,
          x: profile([
            [-130, 0],
            [20, -1],
            [88, -5],
          ]),
          z: profile([
            [-130, -12],
            [0, 0],
            [88, 14],
          ]),
          halfX: profile([
            [-130, 7],
            [0, 8],
            [70, 8.5],
            [84, 10],
            [94 * h, 3],
          ]),
          halfZ: profile([
            [80, 8.5],
            [94 * h, 2],
          ]),
        }),
      },
    ],
    innerHalfWidthMm,
    domeTopMm,
  };
}

function drawLung({ width: w, height: h, depth: d }: Habitus, side: Side): Solid {
  return column({
    yMin: 0,
    yMax: h * LUNG_END_MM,
    exponent: 2.3,
    x: (y) => (side * w * (LUNG_LATERAL(y / h) + LUNG_MEDIAL(y / h))) / 2,
    z: (y) => d * LUNG_MIDDLE_DEPTH(y / h),
    halfX: (y) => (w * (LUNG_LATERAL(y / h) - LUNG_MEDIAL(y / h))) / 2,
    halfZ: (y) => d * LUNG_HALF_DEPTH(y / h),
  });
}

function drawBody(habitus: Habitus, armsRaised: boolean): Layer[] {
  const { width: w, height: h, depth: d, stoutness } = habitus;
  const wall = stoutness - 1;
  const torso = column({
    yMin: -400,
    yMax: 700,
    exponent: 2.2,
    x: () => 0,
    z: profile([
      [-90, 10],
      [40, 4],
      [150, 0],
    ]),
    halfX: (y) => w * TORSO_HALF_WIDTH(y / h) + 24 * wall,
    halfZ: (y) => d * TORSO_HALF_DEPTH(y / h) + 30 * wall,
  });
  const limbs = ([-1, 1] as const).flatMap((side) =>
    armsRaised
      ? []
      : [
          ellipsoid(at(side * 166 * w, 34, 6), at(46 * stoutness, 46, 50)),
          column({
            yMin: 30,
            yMax: 700,
            x: (y) => side * w * (188 + 0.2 * (y - 30)),
            z: () => 8,
            halfX: (y) => stoutness * ARM_HALF_WIDTH(y),
            halfZ: (y) => 1.1 * stoutness * ARM_HALF_WIDTH(y),
          }),
        ],
  );
  const breasts =
    habitus.sex === 'F' ? ([-1, 1] as const).map((side) => drawBreast(habitus, side)) : [];
  const fatMm = 7 * stoutness ** 3;
  return [
    ...breasts.map((solid) => ({ solid, perMm: MU.fat })),
    ...limbs.map((solid) => ({ solid, perMm: MU.fat })),
    { solid: torso, perMm: MU.fat },
    ...limbs.map((solid) => ({ solid: shrink(solid, fatMm), perMm: MU.softTissue })),
    { solid: shrink(torso, fatMm), perMm: MU.softTissue },
  ];
}

/** Fullest low down: its lower fold shows, its upper end does not. */
function drawBreast({ width: w, height: h, depth: d, stoutness }: Habitus, side: Side): Solid {
  const fullness = profile([
    [130, 0.02],
    [170, 0.5],
    [215, 0.95],
    [232, 1],
    [250, 0.86],
    [262, 0.6],
    [270, 0.05],
  ]);
  return column({
    yMin: 130 * h,
    yMax: 270 * h,
    x: (y) => side * w * (70 + 0.06 * (y / h - 130)),
    z: () => -96 * d,
    halfX: (y) => w * (24 + 46 * fullness(y / h)),
    halfZ: (y) => 46 * stoutness * fullness(y / h),
  });
}

const ARM_HALF_WIDTH = profile([
  [30, 2],
  [60, 30],
  [100, 37],
]);
const TORSO_HALF_WIDTH = profile([
  [-110, 58],
  [-60, 55],
  [-46, 60],
  [-36, 72],
  [-26, 96],
  [-14, 134],
  [0, 164],
  [14, 180],
  [40, 182],
  [80, 165],
  [115, 162],
  [160, 164],
  [220, 167],
  [300, 165],
]);
const TORSO_HALF_DEPTH = profile([
  [-90, 60],
  [-45, 60],
  [-20, 66],
  [6, 76],
  [40, 88],
  [80, 99],
  [130, 110],
  [200, 116],
  [340, 118],
]);

function drawAbdomen(habitus: Habitus, domeTopMm: Thorax['domeTopMm']): Layer[] {
  const { width: w, depth: d } = habitus;
  const dome = (side: Side, perMm: number): Layer[] => {
    const middle = at(side * 68 * w, domeTopMm[side] + 92, -4);
    return [
      { solid: ellipsoid(middle, at(80 * w, 92, 98 * d)), perMm },
      // Under its greatest width the dome goes on as the abdomen.
      {
        perMm,
        solid: column({
          yMin: middle.y,
          yMax: 700,
          x: () => middle.x,
          z: () => middle.z,
          halfX: () => 80 * w,
          halfZ: () => 98 * d,
        }),
      },
    ];
  };
  const bubble = at(66 * w, domeTopMm[1] + 28, 12);
  return [
    ...dome(1, MU.softTissue),
    ...dome(-1, MU.liver),
    {
      perMm: MU.softTissue,
      solid: ellipsoid(at(0, domeTopMm[-1] + 100, 0), at(82 * w, 106, 98 * d)),
    },
    // Gas in the fundus of the stomach, with the fluid level of a person who stands.
    {
      perMm: MU.air,
      solid: between(ellipsoid(bubble, at(27, 15, 26), -0.15), bubble.y - 40, bubble.y + 8),
    },
    { perMm: MU.air, solid: ellipsoid(at(104 * w, bubble.y + 34, 20), at(15, 20, 16), 0.4) },
  ];
}

/** Right heart border and left heart border of the drawing, from the midline. */
const HEART_RIGHT_MM = 44;
const HEART_LEFT_MM = 86;

function drawMediastinum(habitus: Habitus, innerHalfWidthMm: number): Layer[] {
  const { height: h, depth: d } = habitus;
  const grow =
    (habitus.cardiothoracicRatio * 2 * innerHalfWidthMm) / (HEART_RIGHT_MM + HEART_LEFT_MM);
  // A heart that grows to the sides grows less upwards, and to the left more than to the right.
  const right = 1 + 0.75 * (grow - 1);
  const left = (grow * (HEART_RIGHT_MM + HEART_LEFT_MM) - right * HEART_RIGHT_MM) / HEART_LEFT_MM;
  const tall = 1 + 0.45 * (grow - 1);
  const low = (y: number): number => h * (y + 8) - 0.6 * habitus.diaphragmRaisedMm;
  const ventricleTilt = -0.62;
  const ventricle = { x: 44 * left, y: 68 * tall, z: 48 * d * tall };
  const ventricleReach = Math.hypot(
    ventricle.x * Math.cos(ventricleTilt),
    ventricle.y * Math.sin(ventricleTilt),
  );
  const heart = [
    // Left ventricle, right atrium, right ventricle, left atrium.
    ellipsoid(at(left * HEART_LEFT_MM - ventricleReach, low(190), -22), ventricle, ventricleTilt),
    ellipsoid(at(-14 * right, low(182), -12), at(30 * right, 47 * tall, 42 * d)),
    ellipsoid(at(16, low(208), -38), at(50 * Math.sqrt(left), 40 * tall, 40 * d), -0.25),
    ellipsoid(at(4, low(150), 20), at(36 * left, 28, 30 * d)),
  ];
  const vessels = [
    // Superior vena cava, ascending aorta, arch, pulmonary trunk, left auricle.
    ellipsoid(at(-19, h * 80, -4), at(13, h * 78, 22)),
    ellipsoid(at(-8, h * 112, -22), at(27, h * 52, 25)),
    ellipsoid(at(21, h * 66, 18), at(19, 19, 28)),
    ellipsoid(at(22, h * 108, -10), at(21, 26, 24)),
    ellipsoid(at(30, h * 136, -5), at(22, 22, 22)),
  ];
  const descendingAorta = column({
    yMin: h * 62,
    yMax: 600,
    x: profile([
      [60, 26],
      [150, 19],
      [260, 8],
    ]),
    z: profile([
      [60, 38],
      [150, 52],
      [300, 50],
    ]),
    halfX: () => 12.5,
    halfZ: () => 12.5,
  });
  // What lies between the great vessels, and what lies beside the spine.
  const tissue = column({
    yMin: -60,
    yMax: 400,
    x: () => 0,
    z: profile([
      [0, 2],
      [100, 8],
      [180, 22],
    ]),
    halfX: profile([
      [-60, 22],
      [0, 29],
      [50, 31],
      [100, 29],
      [150, 22],
      [260, 24],
    ]),
    halfZ: profile([
      [-60, 40],
      [0, 48],
      [60, 64],
      [120, 62],
      [180, 44],
      [260, 50],
    ]),
  });
  const besideSpine = column({
    yMin: 0,
    yMax: 400,
    x: () => 0,
    z: profile([
      [0, 34],
      [60, 58 * d],
      [200, 66 * d],
    ]),
    halfX: profile([
      [0, 22],
      [200, 27],
      [280, 32],
    ]),
    halfZ: profile([
      [0, 24],
      [60, 32 * d],
    ]),
  });
  const hila = [
    ellipsoid(at(-33, h * 118, 6), at(12, 24, 13), 0.3),
    ellipsoid(at(35, h * 112, 8), at(12, 22, 13), -0.3),
  ];
  return [
    { solid: tissue, perMm: MU.softTissue },
    { solid: besideSpine, perMm: MU.softTissue },
    ...[...heart, ...vessels, ...hila, descendingAorta].map((solid) => ({
      solid,
      perMm: MU.blood,
    })),
  ];
}
