import { SynchronizerError } from '@selvedge/synchronizer'
import { expect, test } from 'vitest'

test('an error carries its code', () => {
  expect(new SynchronizerError('SYNCHRONIZER_MALFORMED', 'x')).toMatchObject({ code: 'SYNCHRONIZER_MALFORMED', message: 'x' })
})
