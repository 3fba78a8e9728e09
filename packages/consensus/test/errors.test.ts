import { ConsensusError } from '@selvedge/consensus'
import { expect, test } from 'vitest'

test('an error carries its code', () => {
  expect(new ConsensusError('CONSENSUS_MALFORMED', 'x')).toMatchObject({ code: 'CONSENSUS_MALFORMED', message: 'x' })
})
