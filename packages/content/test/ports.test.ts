import type { ContentSource } from '@selvedge/interface/content-source'
import { expectTypeOf, test } from 'vitest'
import type { ContentSourcePort } from '../src/index.ts'

// The package owns its port, so that it stands alone; what fits the shared contract fits it.
test('a content source of the shared contract is one for this package', () => {
  expectTypeOf<ContentSource>().toExtend<ContentSourcePort>()
})
