/** A light client that has the genesis file of a ledger and what a stranger handed it, wherever it runs. Bytes are hex. */
import { fromHex, LedgerError, toHex } from '@selvedge/ledger-types'
import { createLightClientOfGenesis, verifyState } from '@selvedge/ledger-types/light-client'

export interface Handed {
  /** The file's text. */
  readonly genesis: string
  readonly genesisHash: string
  /** From epoch 0 on. */
  readonly epochProofs: readonly string[]
  /** Of the epoch that they lead to. */
  readonly certificate: string
  readonly forged: readonly string[]
  readonly row: { readonly table: number; readonly key: string; readonly value: string; readonly proof: string }
}

export interface Followed {
  readonly epoch: number
  readonly height: number
  readonly stateRoot: string
  /** Codes with which the forged certificates were refused. */
  readonly refused: readonly string[]
}

export function follow({ genesis, genesisHash, epochProofs, certificate, forged, row }: Handed): Followed {
  const client = createLightClientOfGenesis(new TextEncoder().encode(genesis), fromHex(genesisHash))
  for (const proof of epochProofs) client.advance(fromHex(proof))
  const { height, stateRoot } = client.verifyCertificate(fromHex(certificate))
  verifyState({ stateRoot }, { table: row.table, key: fromHex(row.key), value: fromHex(row.value) }, fromHex(row.proof))
  return {
    epoch: client.epoch,
    height,
    stateRoot: toHex(stateRoot),
    refused: forged.map((each) => refusalOf(() => client.verifyCertificate(fromHex(each)))),
  }
}

function refusalOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof LedgerError) return error.code
    throw error
  }
  return 'believed'
}
