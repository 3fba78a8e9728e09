import type { Blockstore } from '@selvedge/blockstore'
import type { BlockPort, VerifiedBlock } from '@selvedge/verified-car'
import type * as shared from '@selvedge/interface'
import { expectTypeOf, test } from 'vitest'
import type { Fetcher, Opened, OriginPort, StorePort, VerifiedBlockLike } from '../src/index.ts'

test('the ports fit the shared contracts and the parts that are plugged into them', () => {
  expectTypeOf<shared.Origin>().toExtend<OriginPort>()
  expectTypeOf<VerifiedBlock>().toExtend<VerifiedBlockLike>()
  expectTypeOf<shared.Blockstore>().toExtend<StorePort<shared.StoredBlob>>()
  expectTypeOf<Blockstore>().toExtend<StorePort<shared.StoredBlob>>()
  expectTypeOf<Fetcher<shared.StoredBlob>>().toExtend<shared.ContentSource>()
  expectTypeOf<Opened['blocks']>().toExtend<BlockPort>()
})
