/**
 * What a member had promised in an epoch after which it was away: it comes back with a seat in a later one, and the order carries promises from an
 * epoch into the next only. So before it takes that seat, an order without one, which hears nobody and signs nothing, hands out what it finds.
 *
 * Some of it may have been ordered by others after all: whoever brings it in again judges it first.
 */
import type { Application } from '@selvedge/application'
import { createMemoryNetwork, createValidator, type NodeKey } from '@selvedge/consensus'
import { createFileStore } from '@selvedge/consensus/store'
import { isSameBytes, type Genesis } from '@selvedge/ledger-types'
import { readdir } from 'node:fs/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { genesisPlanOf } from './epoch-plan.ts'
import { appliedOf } from './ledger-executor.ts'

export interface SkippedParts {
  readonly application: Application
  readonly genesis: Genesis
  readonly nodeKey: NodeKey
  /** Of the order's log, which nobody has open. */
  readonly path: string
}

/** @returns what was promised in epochs whose successor went by without this node; nothing where there are none. */
export async function promisedInSkipped({ application, genesis, nodeKey, path }: SkippedParts): Promise<readonly Uint8Array[]> {
  const { epoch } = application.lastApplied()
  const kept = await epochsIn(path)
  if (!kept.some((each) => each < epoch - 1 && !kept.includes(each + 1))) return []
  const promised: Uint8Array[] = []
  const { plan, ...applied } = appliedOf(application)
  const committee = plan.committee.filter(({ key }) => !isSameBytes(key, nodeKey.publicKey))
  const validator = createValidator(
    {
      network: createMemoryNetwork().join(nodeKey.publicKey),
      store: createFileStore({ path }),
      executor: {
        lastApplied: () => ({ ...applied, plan: { ...plan, committee } }),
        execute: () => Promise.reject(new Error('without a seat nothing is executed')),
      },
      nodeKey,
    },
    {
      chainId: genesis.chainId,
      genesisHash: genesis.hash,
      genesis: genesisPlanOf(genesis),
      onRetry: (transactions) => void promised.push(...transactions),
    },
  )
  await validator.start()
  await nextTurn() // in which it looks at what is kept
  await validator.stop()
  return promised
}

/** Epochs of which there are records. */
async function epochsIn(path: string): Promise<readonly number[]> {
  const names = await readdir(path).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [] // no seat so far
    throw error
  })
  return names.flatMap((name) => /^epoch-(\d{1,10})$/.exec(name)?.[1] ?? []).map(Number)
}
