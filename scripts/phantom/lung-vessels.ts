import type { Side } from './anatomy.js';
import type { Habitus } from './habitus.js';
import { ATTENUATION_PER_MM as MU } from './materials.js';
import type { Random } from './random.js';
import type { Point } from './solid.js';
import type { Tube } from './tube.js';

const BLOOD_IN_LUNG = MU.blood - MU.lung;
/** Thinner vessels do not show on a radiograph. */
const LEAST_RADIUS_MM = 0.42;

const HILUM = { [-1]: { x: -33, y: 116, z: 6 }, [1]: { x: 36, y: 109, z: 8 } } as const;

/**
 * First branches as directions from the hilum (outwards, down, back) and radii. In a standing person the
 * blood goes to the bases: the lower ones are wider.
 */
const FIRST_BRANCHES = [
  { out: 0.45, down: -1, back: 0.25, radiusMm: 2.3 },
  { out: 0.8, down: -0.75, back: -0.3, radiusMm: 2.1 },
  { out: 0.25, down: -1, back: -0.2, radiusMm: 1.9 },
  { out: 1, down: -0.35, back: 0.4, radiusMm: 2 },
  { out: 1, down: -0.05, back: -0.5, radiusMm: 2.2 },
  { out: 1, down: 0.3, back: 0.3, radiusMm: 2.6 },
  { out: 0.85, down: 0.65, back: -0.45, radiusMm: 2.8 },
  { out: 0.7, down: 0.9, back: 0.15, radiusMm: 3.2 },
  { out: 0.4, down: 1, back: 0.5, radiusMm: 3.2 },
  { out: 0.25, down: 1, back: -0.1, radiusMm: 2.8 },
  { out: 0.05, down: 1, back: 0.35, radiusMm: 2.4 },
] as const;

/**
 * Pulmonary vessels of one lung: a random tree whose branches thin by Murray's law and stop where
 * `aerated` says that there is no air around them.
 */
export function drawVessels(
  habitus: Habitus,
  side: Side,
  aerated: (point: Point) => boolean,
  random: Random,
): Tube[] {
  const { width, height } = habitus;
  const hilum = { x: HILUM[side].x * width, y: HILUM[side].y * height, z: HILUM[side].z };
  const tubes: Tube[] = [
    // The interlobar artery, the comma by which a hilum is known.
    {
      axis: [
        { x: hilum.x - side * 6, y: hilum.y - 12, z: hilum.z },
        { x: hilum.x + side * 5, y: hilum.y + 4, z: hilum.z },
        { x: hilum.x + side * 11, y: hilum.y + 26, z: hilum.z + 6 },
        { x: hilum.x + side * 13, y: hilum.y + 48, z: hilum.z + 12 },
      ],
      halfHeightMm: (along) => 7 - 3 * along,
      halfDepthMm: (along) => 7 - 3 * along,
      perMm: BLOOD_IN_LUNG,
    },
  ];
  const grow = (start: Point, heading: Point, radiusMm: number): void => {
    const lengthMm = random.between(11, 21) * (radiusMm / 1.5) ** 0.55;
    const axis = [start];
    let direction = heading;
    let point = start;
    for (let piece = 0; piece < 3; piece += 1) {
      direction = turned(direction, 0.14, random);
      point = moved(point, direction, lengthMm / 3);
      if (!aerated(point) && radiusMm < 2.4) break;
      axis.push(point);
    }
    if (axis.length > 1) {
      const radius = (along: number): number => radiusMm * (1 - 0.13 * along);
      tubes.push({ axis, halfHeightMm: radius, halfDepthMm: radius, perMm: BLOOD_IN_LUNG });
    }
    if (axis.length < 4) return;
    const larger = random.between(0.76, 0.9);
    // Murray's law: the cubes of the radii add up.
    const smaller = Math.cbrt(Math.max(0.1, 1 - larger ** 3)) * 0.95;
    if (radiusMm * larger > LEAST_RADIUS_MM) {
      grow(point, turned(direction, 0.22, random), radiusMm * larger);
    }
    if (radiusMm * smaller > LEAST_RADIUS_MM) {
      grow(point, turned(direction, 0.62, random), radiusMm * smaller);
    }
  };
  // Arteries, and veins beside them.
  for (const scale of [1.15, 0.95]) {
    for (const { out, down, back, radiusMm } of FIRST_BRANCHES) {
      const heading = unit({ x: side * out, y: down, z: back });
      grow(moved(hilum, heading, 5), turned(heading, 0.2, random), scale * radiusMm);
    }
  }
  return tubes;
}

/** Main bronchi: air in what surrounds them. */
export function drawBronchi({ width, height }: Habitus): Tube[] {
  const carina = { x: -5 * width, y: 86 * height, z: 14 };
  return ([-1, 1] as const).map((side) => ({
    axis: [
      carina,
      { x: side === 1 ? 14 : -18, y: (side === 1 ? 98 : 100) * height, z: 14 },
      { x: side === 1 ? 36 * width : -32 * width, y: (side === 1 ? 108 : 116) * height, z: 14 },
    ],
    halfHeightMm: (along) => 6.2 - 4 * along,
    halfDepthMm: (along) => 6.2 - 4 * along,
    perMm: (MU.air - MU.softTissue) * 0.6,
  }));
}

function unit({ x, y, z }: Point): Point {
  const size = Math.hypot(x, y, z);
  return { x: x / size, y: y / size, z: z / size };
}

function turned({ x, y, z }: Point, spread: number, random: Random): Point {
  return unit({
    x: x + spread * random.gaussian(),
    y: y + spread * random.gaussian(),
    z: z + spread * random.gaussian(),
  });
}

function moved(from: Point, direction: Point, byMm: number): Point {
  return {
    x: from.x + byMm * direction.x,
    y: from.y + byMm * direction.y,
    z: from.z + byMm * direction.z,
  };
}
