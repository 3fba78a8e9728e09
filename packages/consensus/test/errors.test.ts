import { ConsensusError } from '@selvedge/consensus'
import { expect, test } from 'vitest'

test('an error carries its code', () => {
  expect(new ConsensusError('CONSENSUS_TRUNCATED', 'x')).toMatchObject({ code: 'CONSENSUS_TRUNCATED', message: 'x' })
})
