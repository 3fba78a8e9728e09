import { RpcError } from '@selvedge/rpc'
import { expect, test } from 'vitest'

test('an error carries its code', () => {
  expect(new RpcError('RPC_MALFORMED', 'x')).toMatchObject({ code: 'RPC_MALFORMED', message: 'x' })
})
