import { SimulatorError } from '@selvedge/simulator'
import { expect, test } from 'vitest'

test('an error carries its code', () => {
  expect(new SimulatorError('SIMULATOR_MALFORMED', 'x')).toMatchObject({ code: 'SIMULATOR_MALFORMED', message: 'x' })
})
