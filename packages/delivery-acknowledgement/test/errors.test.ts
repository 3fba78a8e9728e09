import { DeliveryAcknowledgementError } from '@selvedge/delivery-acknowledgement'
import { expect, test } from 'vitest'

test('an error carries its code', () => {
  expect(new DeliveryAcknowledgementError('DELIVERY_ACKNOWLEDGEMENT_MALFORMED', 'x')).toMatchObject({
    code: 'DELIVERY_ACKNOWLEDGEMENT_MALFORMED',
    message: 'x',
  })
})
