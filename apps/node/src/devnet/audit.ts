/**
 * What the validators' files say when all has ended: nothing here is taken from what a process told.
 *
 * Journals are compared block by block. For double signing every record that any validator ever wrote is read, those that later ones
 * replaced too: own headers, votes and blocks, and the signatures inside everybody's certificates.
 */
import {
  type Authority,
  blockDigest,
  decodeCertificate,
  decodeSignedBlock,
  decodeSignedHeader,
  decodeVote,
  type Header,
  headerDigest,
  type Mode,
  type Vote,
} from '@selvedge/consensus'
import { type LoggedRecord, readLog } from '@selvedge/consensus/store'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { CHAIN_ID } from './identity.ts'
import { type JournalBlock, readBlocks } from './journal.ts'
import { decodeTransfer } from './transfer.ts'

export interface DeliveredLog {
  /** One line a block: its place, its digest, and a hash of what it brought. */
  readonly lines: readonly string[]
  readonly ids: ReadonlySet<string>
  readonly epochs: ReadonlySet<number>
}

export function readDelivered(journal: string): DeliveredLog {
  const lines: string[] = []
  const ids = new Set<string>()
  const epochs = new Set<number>()
  readBlocks(readFileSync(journal), (block) => {
    lines.push(lineOf(block))
    epochs.add(block.epoch)
    for (const { isSystem, bytes } of block.items) {
      const transfer = isSystem ? undefined : decodeTransfer(bytes)
      if (transfer !== undefined) ids.add(Buffer.from(transfer.id).toString('hex'))
    }
  })
  return { lines, ids, epochs }
}

function lineOf({ epoch, index, digest, timestampMs, items }: JournalBlock): string {
  const content = createHash('sha256')
  for (const { author, isSystem, bytes } of items) content.update(`${author} ${isSystem} ${bytes.length} `).update(bytes)
  return `${epoch}/${index} ${timestampMs} ${Buffer.from(digest).toString('hex')} ${content.digest('hex')}`
}

/** Whether each log is the beginning of the longest. Logs that say nothing are equal to nothing. */
export function areLogsEqual(logs: readonly DeliveredLog[]): boolean {
  const longest = logs.reduce((most, { lines }) => (lines.length > most.length ? lines : most), [] as readonly string[])
  return logs.length > 1 && logs.every(({ lines }) => lines.length > 0 && lines.every((line, i) => line === longest[i]))
}

/** One signer's word on one slot: said twice with two digests it is double signing. */
interface Statement {
  readonly slot: string
  readonly digest: string
  /** Who made the vertex, where it is one. */
  readonly author?: Authority
}

export interface SignedAudit {
  readonly statements: number
  /** Slots in which one signer signed two different things. */
  readonly doubleSigned: readonly string[]
  /** The modes that left vertices in the logs. */
  readonly modes: readonly Mode[]
  /** Validators that made a vertex in this epoch. */
  authorsIn(epoch: number): ReadonlySet<number>
}

/**
 * @param logs - WAL folders, by validator.
 * @param committees - by epoch: who has which seat, in authority order.
 */
export function auditSignatures(logs: ReadonlyMap<number, string>, committees: readonly (readonly number[])[]): SignedAudit {
  const digestOf = new Map<string, string>()
  const doubleSigned = new Set<string>()
  const modes = new Set<Mode>()
  const authors = committees.map(() => new Set<number>())
  for (const [validator, path] of logs) {
    for (const record of readLog(path)) {
      const committee = committees[record.epoch] ?? []
      if (record.kind === 'certificate') modes.add('certified')
      if (record.kind === 'block') modes.add('uncertified')
      for (const { slot, digest, author } of statementsOf(record, validator, committee.length)) {
        const before = digestOf.get(slot)
        if (before !== undefined && before !== digest) doubleSigned.add(slot)
        digestOf.set(slot, digest)
        const made = author === undefined ? undefined : committee[author]
        if (made !== undefined) authors[record.epoch]?.add(made)
      }
    }
  }
  return {
    statements: digestOf.size,
    doubleSigned: [...doubleSigned],
    modes: [...modes],
    authorsIn: (epoch) => authors[epoch] ?? new Set(),
  }
}

/** What `record`, found in the log of `validator`, shows to have been signed. */
function statementsOf({ epoch, kind, key, round, bytes }: LoggedRecord, validator: number, committeeSize: number): Statement[] {
  switch (kind) {
    case 'proposed': {
      if (round === undefined) return [] // the proposer's own notes, which nobody signed
      const { header } = decodeSignedHeader(bytes)
      return [headerStatement(header, headerDigest(CHAIN_ID, header))]
    }
    case 'voted':
      return [voteStatement(decodeVote(bytes))]
    case 'certificate': {
      const { header, signers } = decodeCertificate(bytes, committeeSize)
      const digest = headerDigest(CHAIN_ID, header)
      return [headerStatement(header, digest), ...signers.map((voter) => voteStatement({ ...header, voter, headerDigest: digest }))]
    }
    case 'block': {
      const { block } = decodeSignedBlock(bytes)
      const { author } = block
      return [{ slot: `block of ${author} in round ${block.round} of epoch ${epoch}`, digest: hex(blockDigest(CHAIN_ID, block)), author }]
    }
    case 'checkpoint':
      return [{ slot: `checkpoint ${key} of validator ${validator}`, digest: hex(bytes) }]
    default:
      return []
  }
}

function headerStatement({ author, round, epoch }: Header, digest: Uint8Array): Statement {
  return { slot: `header of ${author} in round ${round} of epoch ${epoch}`, digest: hex(digest), author }
}

function voteStatement({ voter, author, round, epoch, headerDigest: digest }: Omit<Vote, 'signature'>): Statement {
  return { slot: `vote of ${voter} on ${author} in round ${round} of epoch ${epoch}`, digest: hex(digest) }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
