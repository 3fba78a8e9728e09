import { createEngine, SimulatorError } from '@selvedge/simulator'
import { expect, test } from 'vitest'

test('an error carries its code, its details and what caused it', () => {
  const cause = new Error('below')
  const error = new SimulatorError('SIMULATOR_SEED_FAILED', 'seed 7 failed', { seed: 7 }, { cause })
  expect(error).toMatchObject({ code: 'SIMULATOR_SEED_FAILED', message: 'seed 7 failed', details: { seed: 7 }, cause })
})

test('an argument out of range is refused with the value that came', () => {
  expect(() => createEngine({ eventsMax: 0 })).toThrow('eventsMax must be at least 1, got 0')
})
