import { expect, it } from 'vitest';

import { RESULT_OBJECTS } from '../destination.js';
import { SENT_AS } from './sent-sop-classes.js';

it('every object that a destination may be sent has its SOP Class in the conformance statement', () => {
  expect(new Set(Object.values(SENT_AS).flat())).toEqual(new Set(RESULT_OBJECTS));
});
