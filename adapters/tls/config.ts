import { z } from 'zod';

/** The certificate that the services show. */
export const tlsConfig = z.object({
  PREREAD_TLS_CERT: z
    .string()
    .min(1)
    .optional()
    .describe(
      'File of the certificate (PEM, with its chain) for HTTPS and DICOM over TLS. Read again when it changes.',
    ),
  PREREAD_TLS_KEY: z
    .string()
    .min(1)
    .optional()
    .describe('File of the private key (PEM) of PREREAD_TLS_CERT.'),
});

export type TlsConfig = z.infer<typeof tlsConfig>;
