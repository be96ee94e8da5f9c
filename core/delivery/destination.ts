import { z } from 'zod';

import { PRIORITIES } from '../triage/priority.js';

/** The forms in which results leave: each is one kind of receiver. */
export const DESTINATION_KINDS = ['webhook', 'dicomweb', 'dimse', 'hl7', 'fhir'] as const;
export type DestinationKind = (typeof DESTINATION_KINDS)[number];

/**
 * What a DICOM destination may be sent: structured report, summary page, key object note, presentation
 * state, heat map pages.
 */
export const RESULT_OBJECTS = ['sr', 'sc', 'kos', 'gsps', 'heatmap'] as const;
export type ResultObject = (typeof RESULT_OBJECTS)[number];

const DAY_S = 86_400;

/** Which results a destination gets. */
export const resultFilterSchema = z.strictObject({
  which: z
    .enum(['all', 'analysed', 'flagged'])
    .optional()
    .describe('all also tells of studies without an analysed image; default by kind.'),
  priorities: z
    .array(z.enum(PRIORITIES))
    .min(1)
    .optional()
    .describe("Only results of these priorities (the result's, not the order's)."),
  findings: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe("Only results in which one of these findings is flagged, by the model's keys."),
  sites: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe("Only results of images from one of these places, as the site's rules name them."),
});

export type ResultFilter = z.infer<typeof resultFilterSchema>;

export const retrySchema = z.strictObject({
  delaysSeconds: z
    .array(
      z
        .number()
        .min(1)
        .max(7 * DAY_S),
    )
    .max(50)
    .describe('Pauses before the second, third, ... attempt. After the last the delivery is dead.'),
});

export const destinationName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and hyphens')
  .describe('Names the destination in rows, logs and commands. Renaming makes it another one.');

/**
 * @param secret parses a reference such as `env:NAME` or `file:PATH` into the secret itself (or leaves it,
 *   in a process that sends nothing). Secrets never stand in the file.
 */
export function destinationsSchema(secret: z.ZodType<string>) {
  return z.strictObject({
    destinations: z
      .array(destinationSchema(secret, destinationName))
      .superRefine((destinations, context) => {
        destinations.forEach(({ name }, index) => {
          if (destinations.findIndex((other) => other.name === name) < index) {
            const message = `another destination is named ${name} already`;
            context.addIssue({ code: 'custom', path: [index, 'name'], message });
          }
          const disagreeing = otherReport(destinations[index]!, destinations.slice(0, index));
          if (disagreeing !== undefined) {
            context.addIssue({ code: 'custom', path: [index, 'report'], message: disagreeing });
          }
        });
      }),
  });
}

/** The class of the report that it gets. */
export function reportOf(
  destination: Destination,
): DestinationOf<'dicomweb'>['report'] | undefined {
  return destination.enabled && 'report' in destination && destination.objects.includes('sr')
    ? destination.report
    : undefined;
}

/** Why it cannot stand beside the others: a result has one report, and one UID is one object of one class. */
export function otherReport(
  destination: Destination,
  others: readonly Destination[],
): string | undefined {
  const report = reportOf(destination);
  const other = others.find(
    (one) => ![undefined, report].includes(reportOf(one)) && one.name !== destination.name,
  );
  return report === undefined || other === undefined
    ? undefined
    : `${other.name} gets ${reportOf(other)}: a report is one object, the same for all (comprehensive-sr suits every archive)`;
}

export type Destination = z.output<ReturnType<typeof destinationsSchema>>['destinations'][number];
export type DestinationOf<K extends DestinationKind> = Extract<Destination, { kind: K }>;

/** One of them. */
export function destinationSchema(secret: z.ZodType<string>, name: z.ZodType<string>) {
  const kind = destinationSchemas(secret, name);
  return z.discriminatedUnion('kind', [
    kind.webhook,
    kind.dicomweb,
    kind.dimse,
    kind.hl7,
    kind.fhir,
  ]);
}

function destinationSchemas(secret: z.ZodType<string>, name: z.ZodType<string>) {
  const common = {
    name,
    enabled: z.boolean().default(true),
    order: z
      .int()
      .min(0)
      .max(100)
      .default(0)
      .describe(
        'A result goes to destinations of a higher order after those of a lower one ended.',
      ),
    results: resultFilterSchema.default({}),
    retry: retrySchema.optional().describe('Default: ten attempts over four days.'),
    concurrency: z.int().min(1).max(64).default(4),
    timeoutSeconds: z.number().min(0.1).max(600).default(20),
  };
  const path = z.string().min(1);
  const tls = z
    .strictObject({
      ca: path
        .optional()
        .describe('PEM file of the authority to trust instead of the public ones.'),
      certificate: path.optional().describe('PEM file of our certificate, for mutual TLS.'),
      key: path.optional().describe('PEM file of its key.'),
      serverName: z.string().optional().describe('The name that the certificate must carry.'),
    })
    .refine((files) => (files.certificate === undefined) === (files.key === undefined), {
      message: 'certificate and key belong together',
      path: ['certificate'],
    });
  const http = {
    url: z.url({ protocol: /^https?$/ }),
    allowUnencrypted: z
      .boolean()
      .default(false)
      .describe('Lets http:// leave this machine. Only on a network that you trust.'),
    tls: tls.optional(),
  };
  const encrypted = (
    destination: { readonly url: string; readonly allowUnencrypted: boolean },
    context: z.RefinementCtx,
  ): void => {
    if (!isConfidential(destination.url) && !destination.allowUnencrypted) {
      const message =
        'http:// beyond this machine is not encrypted: use https:// or set allowUnencrypted: true';
      context.addIssue({ code: 'custom', path: ['url'], message });
    }
  };
  const signingSecret = secret.refine(
    (text) => /^((env|file):.|whsec_[A-Za-z0-9+/]{32,}={0,2}$)/.test(text),
    'expected whsec_ and at least 24 bytes of base64',
  );
  const basic = z.strictObject({
    kind: z.literal('basic'),
    username: z.string().min(1),
    password: secret,
  });
  const bearer = z.strictObject({ kind: z.literal('bearer'), token: secret });
  const objects = {
    objects: z.array(z.enum(RESULT_OBJECTS)).min(1).default(['sr', 'sc']),
    report: z
      .enum(['comprehensive-3d-sr', 'comprehensive-sr'])
      .default('comprehensive-3d-sr')
      .describe('comprehensive-sr is for older archives; the content is the same.'),
    language: z.enum(['en', 'vi']).default('en').describe('Of the summary page.'),
  };
  const aeTitle = z
    .string()
    .regex(/^[\x20-\x5b\x5d-\x7e]{1,16}$/, 'at most 16 printable ASCII characters, no backslash')
    .refine((title) => title.trim() === title, 'no leading or trailing spaces');
  const port = z.int().min(1).max(65_535);

  return {
    webhook: z
      .strictObject({
        ...common,
        kind: z.literal('webhook'),
        ...http,
        secrets: z
          .array(signingSecret)
          .min(1)
          .max(4)
          .describe('Signing secrets (whsec_...), the new one first while one is being replaced.'),
        body: z
          .enum(['thin', 'full'])
          .default('thin')
          .describe('thin: ids, priority, flagged findings, links. full: the whole result.'),
        events: z
          .array(
            z.enum([
              'study.result.created',
              'study.result.amended',
              'study.not_analysed',
              'delivery.failed',
            ]),
          )
          .min(1)
          .default(['study.result.created', 'study.result.amended', 'study.not_analysed']),
        allowNetworks: z
          .array(z.union([z.cidrv4(), z.cidrv6()]))
          .default([])
          .describe(
            'Private networks that this webhook may reach, as 10.1.0.0/16. Without it only public ' +
              'addresses and this machine are.',
          ),
      })
      .superRefine(encrypted),
    dicomweb: z
      .strictObject({
        ...common,
        kind: z.literal('dicomweb'),
        ...http,
        ...objects,
        auth: z.discriminatedUnion('kind', [basic, bearer]).optional(),
      })
      .superRefine(encrypted),
    dimse: z.strictObject({
      ...common,
      kind: z.literal('dimse'),
      host: z.string().min(1),
      port,
      calledAeTitle: aeTitle,
      callingAeTitle: aeTitle.default('PREREAD'),
      ...objects,
      storageCommitment: z
        .boolean()
        .default(false)
        .describe('Asks the archive to commit to the objects after C-STORE.'),
      commitmentTimeoutSeconds: z
        .number()
        .min(0)
        .max(300)
        .default(10)
        .describe(
          'How long a delivery waits for the report of storage commitment. One that comes later still counts.',
        ),
      tls: tls.optional().describe('Present: DICOM over TLS.'),
    }),
    hl7: z.strictObject({
      ...common,
      concurrency: z.int().min(1).max(64).default(1).describe('Receivers expect one at a time.'),
      kind: z.literal('hl7'),
      host: z.string().min(1),
      port,
      sendingApplication: z.string().max(180).default('PREREAD'),
      sendingFacility: z.string().max(180).default(''),
      receivingApplication: z.string().max(180).default(''),
      receivingFacility: z.string().max(180).default(''),
      processingId: z.enum(['P', 'T', 'D']).default('P').describe('MSH-11.'),
      tls: tls.optional().describe('Present: MLLP over TLS.'),
    }),
    fhir: z
      .strictObject({
        ...common,
        kind: z.literal('fhir'),
        ...http,
        patientIdentifierSystem: z
          .string()
          .min(1)
          .optional()
          .describe('System of the patient identifier where the images name no URI or OID.'),
        auth: z
          .discriminatedUnion('kind', [
            basic,
            bearer,
            z.strictObject({
              kind: z.literal('client-credentials'),
              tokenUrl: z.url({ protocol: /^https?$/ }),
              clientId: z.string().min(1),
              clientSecret: secret,
              scope: z.string().optional(),
            }),
            z.strictObject({
              kind: z.literal('smart-backend'),
              tokenUrl: z.url({ protocol: /^https?$/ }),
              clientId: z.string().min(1),
              privateKey: secret.describe('PKCS #8 PEM; the public key is registered as JWKS.'),
              keyId: z.string().min(1),
              algorithm: z.enum(['RS384', 'ES384']).default('ES384'),
              scope: z.string().default('system/*.cu'),
            }),
          ])
          .optional(),
      })
      .superRefine(encrypted),
  } as const;
}

/** Whether a URL may be used for results as it is: encrypted, or not leaving this machine. */
export function isConfidential(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}
