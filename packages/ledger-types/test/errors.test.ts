import { LedgerTypesError } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'

test('an error carries its code', () => {
  expect(new LedgerTypesError('LEDGER_TYPES_MALFORMED', 'x')).toMatchObject({ code: 'LEDGER_TYPES_MALFORMED', message: 'x' })
})
