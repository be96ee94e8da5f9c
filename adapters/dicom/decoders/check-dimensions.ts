import type { PixelHeader } from '../../../core/dicom/instance-header.js';
import { PipelineError } from '../../../core/errors.js';

export interface CodestreamDimensions {
  readonly width: number;
  readonly height: number;
  readonly components: number;
}

/**
 * The codestream must describe the image that the header describes. Checked before a codec allocates:
 * a few bytes can declare 65535 x 65535. Throws `pixel-data-corrupt`.
 */
export function requireDeclaredDimensions(coded: CodestreamDimensions, header: PixelHeader): void {
  if (
    coded.width !== header.Columns ||
    coded.height !== header.Rows ||
    coded.components !== header.SamplesPerPixel
  ) {
    throw new PipelineError(
      'pixel-data-corrupt',
      'The compressed image has other dimensions than its header.',
      {
        context: {
          codedWidth: coded.width,
          codedHeight: coded.height,
          codedComponents: coded.components,
          Columns: header.Columns,
          Rows: header.Rows,
          SamplesPerPixel: header.SamplesPerPixel,
        },
      },
    );
  }
}
