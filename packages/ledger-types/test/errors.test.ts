import { LedgerError } from '@selvedge/ledger-types'
import { expect, test } from 'vitest'

test('an error carries its code', () => {
  expect(new LedgerError('LEDGER_MALFORMED', 'x')).toMatchObject({ code: 'LEDGER_MALFORMED', message: 'x' })
})
