import type { Thorax } from './anatomy.js';
import type { Habitus } from './habitus.js';
import { ATTENUATION_PER_MM as MU } from './materials.js';
import type { Random } from './random.js';
import type { Point } from './solid.js';
import { constant, type Tube } from './tube.js';

const COMPACT = MU.compactBone - MU.softTissue;
const SPONGY = MU.spongyBone - MU.softTissue;
const SIDES = [-1, 1] as const;

const at = (x: number, y: number, z: number): Point => ({ x, y, z });

/** Height of the middle of thoracic vertebra `number` (1 to 12; 0 and less are cervical). */
function vertebraYMm(number: number): number {
  return number >= 1 ? -6 + 21.2 * (number - 1) + 0.28 * (number - 1) ** 2 : -6 + 17 * (number - 1);
}

/**
 * From the head of a rib to its bony front end: fall in mm over the whole half turn, and how far round
 * the front end lies (180 degrees would meet the sternum). Ribs 1 to 12.
 */
const RIBS = [
  { fallMm: 34, endDegrees: 150 },
  { fallMm: 52, endDegrees: 152 },
  { fallMm: 68, endDegrees: 152 },
  { fallMm: 82, endDegrees: 150 },
  { fallMm: 94, endDegrees: 148 },
  { fallMm: 104, endDegrees: 144 },
  { fallMm: 112, endDegrees: 138 },
  { fallMm: 118, endDegrees: 130 },
  { fallMm: 122, endDegrees: 122 },
  { fallMm: 122, endDegrees: 114 },
  { fallMm: 118, endDegrees: 84 },
  { fallMm: 110, endDegrees: 52 },
] as const;

export function drawSkeleton(
  habitus: Habitus,
  thorax: Thorax,
  lateral: boolean,
  random: Random,
): Tube[] {
  return [
    ...SIDES.flatMap((side) =>
      RIBS.flatMap((_, index) => drawRib(habitus, thorax, side, index, random)),
    ),
    ...drawSpine(habitus),
    ...(lateral
      ? drawSternum(habitus)
      : SIDES.flatMap((side) => drawShoulder(habitus, side, random))),
  ];
}

/** Compact bone around spongy bone: the bright rims by which a rib is seen. */
function shell(
  axis: readonly Point[],
  halfHeight: (along: number) => number,
  halfDepth: (along: number) => number,
  cortexMm: number,
): Tube[] {
  return [
    { axis, halfHeightMm: halfHeight, halfDepthMm: halfDepth, perMm: COMPACT },
    {
      axis,
      halfHeightMm: (along) => halfHeight(along) - cortexMm,
      halfDepthMm: (along) => halfDepth(along) - cortexMm,
      perMm: SPONGY - COMPACT,
    },
  ];
}

function drawRib(
  habitus: Habitus,
  thorax: Thorax,
  side: -1 | 1,
  index: number,
  random: Random,
): Tube[] {
  const { fallMm, endDegrees } = RIBS[index]!;
  const fall = fallMm * habitus.ribSlope * habitus.height + random.between(-2, 2);
  const top = vertebraYMm(index + 1) * habitus.height + random.between(-1, 1);
  const lung = thorax.lungs[side];
  const axis: Point[] = [];
  for (let degrees = 8; degrees <= endDegrees; degrees += 6) {
    const angle = (degrees * Math.PI) / 180;
    const y = top + (fall * (1 - Math.cos(angle))) / 2 - 7 * Math.sin(Math.min(Math.PI, 3 * angle));
    const cut = lung.section(Math.min(Math.max(y, 6), lung.yMax - 40));
    if (cut === undefined) continue;
    const lateral = thorax.innerHalfWidthMm(Math.max(y, 8)) + 4;
    axis.push({
      x: side * lateral * Math.sin(angle) ** 0.92,
      y,
      z: cut.z + (cut.halfZ + 5) * Math.cos(angle),
    });
  }
  const high = (index === 0 ? 7.5 : index > 9 ? 5 : 6.4) * Math.sqrt(habitus.height);
  const thick = index === 0 ? 3 : 3.8;
  // A little wider in front, where the cartilage begins.
  return shell(
    axis,
    (along) => high * (0.9 + 0.25 * along ** 2),
    (along) => thick * (1 - 0.15 * along),
    1.25,
  );
}

/** Vertebral bodies as short upright rods with end plates, pedicles, spinous and transverse processes. */
function drawSpine({ height: h, depth: d }: Habitus): Tube[] {
  const tubes: Tube[] = [];
  for (let number = -4; number <= 16; number += 1) {
    const y = vertebraYMm(number) * h;
    const size = number < 1 ? 0.8 : 0.86 + 0.018 * number;
    const half = (number < 1 ? 6.6 : 8.2 + 0.26 * number) * h;
    const z = d * (number < 3 ? 38 + 6 * number : 58 - 0.12 * (number - 8) ** 2 + 2);
    const wide = 16.5 * size;
    const deep = 14 * size;
    tubes.push(
      {
        axis: [at(0, y - half, z), at(0, y, z), at(0, y + half, z)],
        halfHeightMm: (along) => wide * (1 - 0.1 * Math.sin(Math.PI * along)),
        halfDepthMm: constant(deep),
        perMm: SPONGY * 0.5,
      },
      ...[-1, 1].map((end) => ({
        axis: [at(-wide * 0.95, y + end * half, z), at(wide * 0.95, y + end * half, z)],
        halfHeightMm: constant(0.8),
        halfDepthMm: constant(deep * 0.9),
        perMm: COMPACT * 0.1,
      })),
      // Spinous process, seen end on and projected low.
      {
        axis: [at(0, y + half + 1, z + 40), at(0, y + half + 13, z + 44)],
        halfHeightMm: constant(2.6),
        halfDepthMm: constant(7),
        perMm: COMPACT * 0.8,
      },
    );
    for (const side of SIDES) {
      const x = side * wide * 0.72;
      tubes.push(
        ...shell(
          [at(x, y - 7, z + 17), at(x, y - 2, z + 18), at(x, y + 3, z + 18)],
          (along) => 3.8 * size * Math.sqrt(Math.max(0.04, 1 - (2 * along - 1) ** 2)),
          constant(5),
          0.7,
        ),
        {
          axis: [at(side * wide * 0.7, y - 2, z + 26), at(side * (wide + 14), y - 5, z + 33)],
          halfHeightMm: constant(4),
          halfDepthMm: constant(3.4),
          perMm: SPONGY * 1.2,
        },
      );
    }
  }
  return tubes;
}

function drawSternum({ height: h, depth: d }: Habitus): Tube[] {
  return shell(
    [
      at(0, 44 * h, -76 * d),
      at(0, 90 * h, -94 * d),
      at(0, 150 * h, -104 * d),
      at(0, 205 * h, -106 * d),
    ],
    constant(17),
    constant(5),
    1.2,
  );
}

function drawShoulder({ width: w, height: h }: Habitus, side: -1 | 1, random: Random): Tube[] {
  const shift = random.between(-4, 4);
  const clavicle = [
    [16, 40, -62],
    [34, 34, -66],
    [62, 25, -66],
    [92, 16, -54],
    [122, 9, -36],
    [150, 6, -18],
    [168, 8, -8],
  ].map(([x, y, z]) => at(side * w * x!, h * (y! + shift * (1 - x! / 168)), z!));
  const blade = (points: readonly (readonly [number, number])[]): Point[] =>
    points.map(([x, y]) => at(side * w * x, h * y, 70));
  return [
    ...shell(
      clavicle,
      (along) => 6.2 + 4.2 * (1 - along) ** 4 + 1.2 * along ** 3,
      (along) => 5.5 + 2.5 * (1 - along) ** 4,
      1.5,
    ),
    // Scapula: the blade, its borders, its spine with the acromion, the coracoid process.
    {
      axis: blade([
        [133, 28],
        [138, 80],
        [146, 130],
        [151, 160],
      ]),
      halfHeightMm: (along) => 26 * (1 - 0.75 * along),
      halfDepthMm: constant(1.3),
      perMm: COMPACT,
    },
    ...shell(
      blade([
        [158, 48],
        [156, 90],
        [156, 130],
        [151, 163],
      ]),
      constant(4.5),
      constant(4.5),
      1.5,
    ),
    {
      axis: blade([
        [110, 38],
        [117, 80],
        [131, 128],
        [149, 163],
      ]),
      halfHeightMm: constant(1.6),
      halfDepthMm: constant(3.2),
      perMm: COMPACT * 0.8,
    },
    ...shell(
      blade([
        [112, 44],
        [138, 26],
        [160, 8],
        [176, 2],
      ]),
      (along) => 3.5 + 4 * along,
      constant(3.5),
      1.2,
    ),
    ...shell(
      [
        at(side * w * 146, h * 30, 40),
        at(side * w * 140, h * 24, 24),
        at(side * w * 146, h * 32, 10),
      ],
      constant(5.5),
      constant(5),
      1.5,
    ),
    // Glenoid rim, head and shaft of the humerus.
    {
      axis: blade([
        [160, 22],
        [162, 38],
        [160, 52],
      ]),
      halfHeightMm: constant(3),
      halfDepthMm: constant(9),
      perMm: COMPACT * 0.3,
    },
    ...shell(
      [14, 25, 36, 47, 58].map((y) => at(side * w * 185, h * y, 12)),
      (along) => 22 * Math.sqrt(Math.max(0.02, 1 - (2 * along - 1) ** 2)),
      (along) => 22 * Math.sqrt(Math.max(0.02, 1 - (2 * along - 1) ** 2)),
      1.1,
    ),
    ...shell(
      [
        at(side * w * 185, h * 24, 12),
        at(side * w * 191, h * 70, 12),
        at(side * w * 203, h * 140, 10),
        at(side * w * 226, h * 280, 8),
      ],
      (along) => Math.min(1, along / 0.12) * (11 + 5 * Math.exp(-(((along - 0.12) / 0.08) ** 2))),
      (along) => Math.min(1, along / 0.12) * (11 + 5 * Math.exp(-(((along - 0.12) / 0.08) ** 2))),
      3.2,
    ),
  ];
}
