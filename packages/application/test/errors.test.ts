import { ApplicationError } from '@selvedge/application'
import { expect, test } from 'vitest'

test('an error carries its code', () => {
  expect(new ApplicationError('APPLICATION_MALFORMED', 'x')).toMatchObject({ code: 'APPLICATION_MALFORMED', message: 'x' })
})
