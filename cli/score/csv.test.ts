import fc from 'fast-check';
import { expect, test } from 'vitest';

import { csvFields, csvLine } from './csv.js';

test('fields are quoted where they must be', () => {
  expect(csvLine(['a', '', 'b,c', 'd"e', 'f\ng', 'h\ri', ' j '])).toBe(
    'a,,"b,c","d""e","f\ng","h\ri", j \n',
  );
});

test('fields are read back as they were written', () => {
  const field = fc.string({ unit: 'binary', maxLength: 8 });
  const fields = fc.array(fc.oneof(field, fc.constantFrom('"', ',', '\n', '', '""')), {
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(fields, (values) => {
      expect(csvFields(csvLine(values).slice(0, -1))).toEqual(values);
    }),
  );
});
