/**
 * Everything that was ever signed, read from the logs on disk: two digests of one signer for one slot is double signing. Records that
 * later ones replaced count too, and so do signatures that others keep.
 */
import {
  blockDigest,
  decodeCertificate,
  decodeSignedBlock,
  decodeSignedHeader,
  decodeVote,
  type Header,
  headerDigest,
} from '../../src/index.ts'
import { readLog } from '../../src/store.node.ts'
import { CHAIN } from './members.ts'

export interface SignedStatements {
  readonly count: number
  /** Slots with more than one digest. */
  readonly doubleSigned: readonly string[]
}

export function readSignedStatements(folders: readonly string[], committeeSize: number): SignedStatements {
  const digests = new Map<string, string>()
  const doubleSigned = new Set<string>()
  const note = (slot: string, digest: Uint8Array): void => {
    const hex = Buffer.from(digest).toString('hex')
    if ((digests.get(slot) ?? hex) !== hex) doubleSigned.add(slot)
    digests.set(slot, hex)
  }
  const noteHeader = (header: Header): Uint8Array => {
    const digest = headerDigest(CHAIN.chainId, header)
    note(`header ${header.epoch} ${header.round} by ${header.author}`, digest)
    return digest
  }
  for (const folder of folders) {
    for (const { kind, key, bytes } of readLog(folder)) {
      if (kind === 'proposed' && /^\d+$/.test(key)) noteHeader(decodeSignedHeader(bytes).header)
      if (kind === 'voted') {
        const { epoch, round, author, voter, headerDigest: digest } = decodeVote(bytes)
        note(`vote ${epoch} ${round} for ${author} by ${voter}`, digest)
      }
      if (kind === 'certificate') {
        const { header, signers } = decodeCertificate(bytes, committeeSize)
        const digest = noteHeader(header)
        for (const signer of signers) note(`vote ${header.epoch} ${header.round} for ${header.author} by ${signer}`, digest)
      }
      if (kind === 'block') {
        const { block } = decodeSignedBlock(bytes)
        note(`block ${block.epoch} ${block.round} by ${block.author}`, blockDigest(CHAIN.chainId, block))
      }
    }
  }
  return { count: digests.size, doubleSigned: [...doubleSigned] }
}
