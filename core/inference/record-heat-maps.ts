import type { Picture } from '../imaging/render-picture.js';
import type { FindingScore } from '../results/finding-score.js';
import type { HeatMapRecord } from '../results/heat-map-record.js';
import type { CamTensor } from './image-classifier.js';
import type { SiteManifest } from './model-overlay.js';

const FULL = 255;

/** The maps of the flagged findings. What lowers a score is not kept. */
export function recordHeatMaps(
  manifest: SiteManifest,
  findings: readonly Pick<FindingScore, 'key' | 'flagged'>[],
  cams: CamTensor,
  { width, height, crop }: Picture,
): HeatMapRecord[] {
  const cells = cams.width * cams.height;
  return findings
    .filter(({ flagged }) => flagged)
    .map(({ key }) => {
      const at = manifest.findings.findIndex((finding) => finding.key === key);
      const map = cams.data.subarray(at * cells, (at + 1) * cells);
      const max = map.reduce((most, value) => Math.max(most, value), 0);
      const shares = Uint8Array.from(map, (value) =>
        max === 0 ? 0 : Math.round((FULL * Math.max(0, value)) / max),
      );
      return {
        finding: key,
        width: cams.width,
        height: cams.height,
        cells: Buffer.from(shares).toString('base64'),
        max,
        crop: {
          left: crop.x0 / width,
          top: crop.y0 / height,
          width: crop.columns / width,
          height: crop.rows / height,
        },
      };
    });
}

/** The recorded map as the network's output would give it, for `heatMapOn`. Shape: [1, height, width]. */
export function camsOfRecord({ width, height, cells, max }: HeatMapRecord): CamTensor {
  const shares = Buffer.from(cells, 'base64');
  return { width, height, data: Float32Array.from(shares, (share) => (share / FULL) * max) };
}
