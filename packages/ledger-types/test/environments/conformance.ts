/**
 * What every runtime must do alike, from the built package: run by `test/environments.test.ts`. A light client starts from a pinned genesis
 * hash, follows the committee, and believes what the published vectors say that it must, and nothing else.
 *
 * @returns how long one block certificate takes, in ms (0 where a runtime stops its clock while code runs).
 */
import { fromHex, LedgerError } from '@selvedge/ledger-types'
import {
  createLightClientOfGenesis,
  type LightClient,
  verifyReceipt,
  verifyState,
  verifyTransaction,
} from '@selvedge/ledger-types/light-client'
import vectors from '../../vectors/light-client.json' with { type: 'json' }

const TIMES = 7

function assertRefused(run: () => unknown, why: string): void {
  try {
    run()
  } catch (error) {
    if (error instanceof LedgerError) return
    throw error
  }
  throw new Error(`believed: ${why}`)
}

function clientOf(): LightClient {
  return createLightClientOfGenesis(new TextEncoder().encode(vectors.genesis), fromHex(vectors.genesisHash))
}

export default async function run(): Promise<{ verifyMs: number; epoch: number }> {
  const client = clientOf()
  assertRefused(() => client.verifyCertificate(fromHex(vectors.certificate)), 'a certificate of the epoch after')
  client.advance(fromHex(vectors.epochProof))
  for (const { why, certificate } of vectors.refused) assertRefused(() => client.verifyCertificate(fromHex(certificate)), why)
  const checkpoint = client.verifyCertificate(fromHex(vectors.certificate))

  const { state, absent, transaction, receipt } = vectors
  const entry = { table: state.table, key: fromHex(state.key), value: fromHex(state.value) }
  const nothing = { table: absent.table, key: fromHex(absent.key), value: undefined }
  verifyState(checkpoint, entry, fromHex(state.proof))
  verifyState(checkpoint, nothing, fromHex(absent.proof))
  assertRefused(() => verifyState(checkpoint, { ...entry, value: undefined }, fromHex(state.proof)), 'that an entry is not there')
  assertRefused(() => verifyState(checkpoint, { ...nothing, value: entry.value }, fromHex(absent.proof)), 'an entry that is not there')
  verifyTransaction(checkpoint, fromHex(transaction.bytes), fromHex(transaction.proof))
  assertRefused(() => verifyTransaction(checkpoint, fromHex(receipt.bytes), fromHex(transaction.proof)), 'another transaction')
  if (verifyReceipt(checkpoint, fromHex(receipt.bytes), fromHex(receipt.proof)).index !== 1) throw new Error('another receipt')

  return { verifyMs: verifyMsOf(), epoch: client.epoch }
}

/** Median for a certificate of twenty members, keys parsed before. */
function verifyMsOf(): number {
  const certificate = fromHex(vectors.epochProof).subarray(4, 4 + 253 + 3 + 96)
  const client = clientOf()
  const times = Array.from({ length: TIMES }, () => {
    const start = performance.now()
    client.verifyCertificate(certificate)
    return performance.now() - start
  })
  return times.sort((a, b) => a - b)[TIMES >> 1]!
}
