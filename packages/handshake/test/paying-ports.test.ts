import type { Payer, SessionPayer as PayerPort } from '@selvedge/delivery-acknowledgement/client'
import type { Books, SessionMeter as MeterPort } from '@selvedge/delivery-acknowledgement/node'
import { expectTypeOf, test } from 'vitest'
import type { NodePayments, SessionMeter, SessionPayer } from '../src/index.ts'

test('the books and the payer of delivery-acknowledgement fit a session', () => {
  expectTypeOf<Books>().toExtend<NodePayments>()
  expectTypeOf<Payer>().toExtend<SessionPayer>()
  expectTypeOf<SessionPayer>().toExtend<PayerPort>()
  expectTypeOf<SessionMeter>().toExtend<MeterPort>()
})
