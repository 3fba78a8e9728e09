/** Certificates that nodes made, checked as a stranger would who has the genesis file and nothing else. */
import { checkpointOfCertificate, toHex } from '@selvedge/ledger-types'
import { createLightClientOfGenesis, encodeEpochProof } from '@selvedge/ledger-types/light-client'
import { createHash } from 'node:crypto'
import type { LedgerDevnet } from './ledger-devnet.ts'
import { ask, bytesOf } from './rpc-client.ts'

const COMMITTEES_TABLE = 21

/** Committees of the epochs that a node still keeps, encoded, from the rows of its state; who asks believes them by their root only. */
export async function askCommittees(port: number, epochs: number): Promise<ReadonlyMap<number, Uint8Array>> {
  const known = new Map<number, Uint8Array>()
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const key = `0x${epoch.toString(16).padStart(16, '0')}`
    const { value } = (await ask(port, 'selvedge_proof', COMMITTEES_TABLE, key)) as { value: string | null }
    if (value !== null) known.set(epoch, bytesOf(value))
  }
  return known
}

/** Of each epoch so many blocks, its last one among them: a pairing check each. */
const CHECKED_AN_EPOCH = 20

/**
 * Follows the committees by the final certificates and checks others against them and against the roots that nodes said they have.
 * @returns how many were verified. @throws {LedgerError} for one that is not good. @throws when a root is another than the certified one.
 */
export function checkWithLightClient(devnet: LedgerDevnet, committees: ReadonlyMap<number, Uint8Array>): number {
  const { setup, certificates, finals } = devnet
  const client = createLightClientOfGenesis(setup.genesisFile, createHash('sha256').update(setup.genesisFile).digest())
  let verified = 0
  for (let epoch = 0; ; epoch++) {
    const heights = [...certificates]
      .flatMap(([height, bytes]) => (checkpointOfCertificate(bytes).epoch === epoch ? [height] : []))
      .toSorted((a, b) => a - b)
    for (const height of heights.slice(-CHECKED_AN_EPOCH)) {
      const { stateRoot } = client.verifyCertificate(certificates.get(height) as Uint8Array)
      for (const root of devnet.rootsAt(height).values()) {
        if (root !== toHex(stateRoot)) throw new Error(`a node has another state at height ${height} than the committee signed`)
      }
      verified++
    }
    const final = finals.get(epoch)
    const certificate = final === undefined ? undefined : certificates.get(final)
    const committee = committees.get(epoch + 1)
    if (certificate === undefined || committee === undefined) return verified
    client.advance(encodeEpochProof({ certificate, committee }))
  }
}
