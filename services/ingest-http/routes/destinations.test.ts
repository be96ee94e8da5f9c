import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { destinationsSchema } from '../../../core/delivery/destination.js';
import { describeDestination } from './destinations.js';
import { listedDestinationSchema } from './destinations-schemas.js';

describe('describeDestination', () => {
  it('shows host, filter and schedule, and neither the path of a URL nor a secret', () => {
    const SECRET = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
    const { destinations } = destinationsSchema(z.string()).parse({
      destinations: [
        {
          name: 'chat',
          kind: 'webhook',
          url: 'https://chat.example:8443/hooks/T0KEN?key=T0KEN',
          secrets: [SECRET],
          results: { which: 'flagged' },
          retry: { delaysSeconds: [5, 60] },
        },
        {
          name: 'pacs',
          kind: 'dicomweb',
          url: 'https://pacs.example/dicom-web',
          auth: { kind: 'basic', username: 'u', password: 'T0KEN' },
        },
        { name: 'old-pacs', kind: 'dimse', host: 'pacs', port: 104, calledAeTitle: 'ARCHIVE' },
      ],
    });
    const shown = destinations.map((destination) =>
      describeDestination({ destination, source: 'file' }),
    );
    expect(shown).toMatchObject([
      {
        address: 'https://chat.example:8443',
        results: { which: 'flagged' },
        retryDelaysSeconds: [5, 60],
      },
      { address: 'https://pacs.example', objects: ['sr', 'sc'] },
      { address: 'pacs:104', calledAeTitle: 'ARCHIVE' },
    ]);
    for (const one of shown) {
      expect(listedDestinationSchema.strict().parse(one)).toEqual(one);
    }
    expect(JSON.stringify(shown)).not.toMatch(/T0KEN|whsec_/);
  });
});
