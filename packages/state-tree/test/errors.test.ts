import { StateTreeError } from '@selvedge/state-tree'
import { expect, test } from 'vitest'

test('an error carries its code', () => {
  expect(new StateTreeError('STATE_TREE_MALFORMED', 'x')).toMatchObject({ code: 'STATE_TREE_MALFORMED', message: 'x' })
})
