import { drawThorax, type Thorax } from './anatomy.js';
import { expose, MAX_STORED, type DetectorResponse } from './detector.js';
import { drawHabitus } from './habitus.js';
import { drawBronchi, drawVessels } from './lung-vessels.js';
import { ATTENUATION_PER_MM as MU } from './materials.js';
import { drawLungFields, nodulePoint, withPathology, type Pathology } from './pathology.js';
import type { GreyImage } from './phantom-dicom.js';
import { createProjection, type Projection } from './projection.js';
import type { Random } from './random.js';
import { castRays } from './ray-cast.js';
import { drawSideMarker } from './side-marker.js';
import { drawSkeleton } from './skeleton.js';
import { blur, latticeSize, LATTICE_MARGIN, upsample, type FloatMap } from './smooth.js';
import type { Point } from './solid.js';
import { addTube } from './tube.js';
import { addBall, addEdge } from './fine-solids.js';

export interface PhantomOptions {
  readonly Rows?: number;
  readonly Columns?: number;
  readonly view?: 'PA' | 'AP' | 'LL';
  readonly sex?: 'F' | 'M';
  readonly pathology?: Pathology;
  readonly PhotometricInterpretation?: 'MONOCHROME1' | 'MONOCHROME2';
  readonly response?: DetectorResponse;
}

export interface PhantomImage extends GreyImage {
  readonly pixels: Uint16Array;
  readonly imagerPixelSpacingMm: number;
  readonly windowCenter: number;
  readonly windowWidth: number;
  /** Where a point of the patient lies in the image. */
  readonly projection: Projection;
  /** The anatomy behind the picture, in patient millimetres. */
  readonly thorax: Thorax;
  readonly cardiothoracicRatio: number;
  readonly nodule: Point | undefined;
}

/** Lattice for what is smooth: organs are blurred this much by breath and heartbeat anyway. */
const LATTICE_MM = 0.8;
const QUANTA_PER_MM2 = 1.6e6;

/**
 * A computed chest radiograph: the X-ray projection of an analytic thorax by Beer-Lambert's law, with
 * scatter, noise and detector, as 12-bit stored values in 16. The same random stream and options give the
 * same pixels. Everything individual (build, slope of the ribs, vessels, noise) comes from `random`.
 */
export function thoraxPhantom(random: Random, options: PhantomOptions = {}): PhantomImage {
  const { Rows = 1024, Columns = 1024, view = 'PA', sex = 'M', response = 'log' } = options;
  const { pathology = { kind: 'none' }, PhotometricInterpretation = 'MONOCHROME2' } = options;
  const lateral = view === 'LL';
  const habitus = withPathology(drawHabitus(random.fork('habitus'), sex), pathology);
  const position = random.fork(`position ${view}`);
  const centre = {
    acrossMm: position.between(-6, 6),
    downMm: 136 * habitus.height + position.between(-7, 7),
  };
  const projection = createProjection({ Rows, Columns, view, centre });
  const { spacingMm } = projection;
  const thorax = drawThorax(habitus, lateral);
  const lungs = drawLungFields(thorax, pathology);

  const step = Math.max(1, Math.floor(LATTICE_MM / spacingMm));
  const lattice = {
    rows: latticeSize(Rows, step),
    columns: latticeSize(Columns, step),
    acrossMm: (column: number) =>
      centre.acrossMm + ((column - LATTICE_MARGIN) * step - (Columns - 1) / 2) * spacingMm,
    downMm: (row: number) =>
      centre.downMm + ((row - LATTICE_MARGIN) * step - (Rows - 1) / 2) * spacingMm,
  };
  const { rows, columns } = lattice;
  const layers = [
    ...thorax.body,
    ...lungs.layers,
    ...thorax.abdomen,
    ...thorax.mediastinum,
    ...thorax.airways,
  ];
  const cast = castRays(layers, projection, lattice);
  const smooth: FloatMap = { rows, columns, values: cast.attenuation };
  addTexture(smooth, cast.lungDepthMm, step * spacingMm, random.fork('texture'));

  const detail = upsample(smooth, step, Rows, Columns);
  const tubes = [
    ...drawSkeleton(habitus, thorax, lateral, random.fork('skeleton')),
    ...([-1, 1] as const).flatMap((side) =>
      drawVessels(habitus, side, lungs.aerated, random.fork(`vessels ${side}`)),
    ),
    ...drawBronchi(habitus),
    ...(lateral ? [] : drawSideMarker(projection)),
  ];
  for (const tube of tubes) addTube(detail.values, projection, tube);
  const nodule = pathology.kind === 'nodule' ? nodulePoint(thorax, pathology) : undefined;
  if (nodule !== undefined && pathology.kind === 'nodule') {
    addBall(detail.values, projection, nodule, pathology.diameterMm / 2, MU.softTissue - MU.lung);
  }
  if (lungs.pleuralLine !== undefined) {
    addEdge(detail.values, projection, lungs.pleuralLine, 0.7, MU.softTissue);
  }

  const exposure = expose(detail, smooth, step, random, {
    spacingMm,
    quantaPerMm2: QUANTA_PER_MM2,
    response,
  });
  const inverse = PhotometricInterpretation === 'MONOCHROME1';
  return {
    Rows,
    Columns,
    BitsStored: 12,
    PhotometricInterpretation,
    pixels: inverse ? exposure.pixels.map((value) => MAX_STORED - value) : exposure.pixels,
    imagerPixelSpacingMm: spacingMm,
    windowCenter: inverse ? MAX_STORED - exposure.windowCenter : exposure.windowCenter,
    windowWidth: exposure.windowWidth,
    projection,
    thorax,
    cardiothoracicRatio: habitus.cardiothoracicRatio,
    nodule,
  };
}

/** Structure of the lung finer than the drawn vessels: noise between 1.5 and 6 mm, by depth of lung. */
function addTexture(
  smooth: FloatMap,
  lungDepthMm: Float32Array,
  latticeMm: number,
  random: Random,
): void {
  const { rows, columns } = smooth;
  const white = { rows, columns, values: lungDepthMm.map(() => random.gaussian()) };
  const fine = blur(white, 1.1 / latticeMm);
  const coarse = blur(white, 3.2 / latticeMm);
  // The blur takes the variance down to 1 / (4 pi sigma^2); bring it back to 1.
  const gain = 3.5 * Math.max(1, 1.1 / latticeMm) * 0.00022;
  for (let index = 0; index < lungDepthMm.length; index += 1) {
    smooth.values[index]! +=
      gain * lungDepthMm[index]! * (fine.values[index]! - coarse.values[index]!);
  }
}
