import type * as shared from '@selvedge/interface'
import type { VerifiedBlock } from '@selvedge/verified-car'
import type { VerifiableBlob } from '@selvedge/verified-streaming'
import { expectTypeOf, test } from 'vitest'
import type { Blockstore, FileBlock, StoredBlob } from '../src/index.ts'

test('the store fits the shared contract and what is plugged into it', () => {
  expectTypeOf<Blockstore>().toExtend<shared.Blockstore>()
  expectTypeOf<VerifiedBlock>().toExtend<FileBlock>()
  expectTypeOf<StoredBlob>().toExtend<VerifiableBlob>()
})
