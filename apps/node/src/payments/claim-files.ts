/**
 * What a node claims of an epoch, on disk before the claim is committed: from then on it must be able to open exactly that, whatever happens
 * to it. One file an epoch, written beside and renamed, so it is there whole or not at all.
 *
 * Layout, little endian: "SLVDCLM1" · count u32 · records · SHA-256 of all before, 32. A record: clientIndex u32 · amount u64 (µUSD) ·
 * length u32 · a ClaimAnswer of one opening without a path.
 */
import { sha256 } from '@selvedge/crypto/sha256'
import { claimLeafOf, type ClaimedSession, decodeClaimAnswer, encodeClaimAnswer } from '@selvedge/delivery-acknowledgement'
import { isSameBytes } from '@selvedge/ledger-types'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder, writeDurably } from '../durable-file.ts'
import { NodeError } from '../errors.ts'

const MAGIC = new TextEncoder().encode('SLVDCLM1')
const HEAD_BYTES: number = MAGIC.length + 4
const RECORD_HEAD_BYTES = 4 + 8 + 4
const DIGEST_BYTES = 32
/** Of a claim's key: service u32, client u32, session 16. */
const CLIENT_PLACE = 4
const NAME = /^(\d{10})\.claim$/

export interface ClaimFiles {
  /** Epochs of which there is one, ascending. */
  list(): Promise<readonly number[]>
  /** @throws {NodeError} `NODE_CLAIM_FILE` where what is there was changed. */
  read(epoch: number): Promise<readonly ClaimedSession[] | undefined>
  /** On disk when it resolves. */
  write(epoch: number, sessions: readonly ClaimedSession[]): Promise<void>
  remove(epoch: number): Promise<void>
}

export async function openClaimFiles(folder: string): Promise<ClaimFiles> {
  await mkdir(folder, { recursive: true })
  const pathOf = (epoch: number): string => join(folder, `${String(epoch).padStart(10, '0')}.claim`)
  return {
    async list() {
      const names = (await readdir(folder)).flatMap((name) => NAME.exec(name)?.[1] ?? [])
      return names.map(Number).toSorted((a, b) => a - b)
    },
    async read(epoch) {
      const path = pathOf(epoch)
      let bytes: Uint8Array
      try {
        bytes = await readFile(path)
      } catch (error) {
        if ((error as { code?: unknown }).code === 'ENOENT') return undefined
        throw error
      }
      return decodeClaimFile(bytes, path)
    },
    async write(epoch, sessions) {
      const path = pathOf(epoch)
      const part = `${path}.part`
      await rm(part, { force: true }) // of a process that was killed
      await writeDurably(part, encodeClaimFile(sessions))
      await rename(part, path)
      await syncFolder(folder)
    },
    remove: (epoch) => rm(pathOf(epoch), { force: true }),
  }
}

function encodeClaimFile(sessions: readonly ClaimedSession[]): Uint8Array {
  const records = sessions.map(({ evidence, leaf }) => {
    const { epoch, nodeIndex } = evidence.acknowledgement
    const body = encodeClaimAnswer({ epoch, nodeIndex, first: 0, openings: [{ ...evidence, path: [] }] })
    const record = new Uint8Array(RECORD_HEAD_BYTES + body.length)
    const view = new DataView(record.buffer)
    view.setUint32(0, new DataView(leaf.key.buffer, leaf.key.byteOffset).getUint32(CLIENT_PLACE), true)
    view.setBigUint64(4, leaf.amount, true)
    view.setUint32(12, body.length, true)
    record.set(body, RECORD_HEAD_BYTES)
    return record
  })
  const size = records.reduce((sum, { length }) => sum + length, HEAD_BYTES)
  const out = new Uint8Array(size + DIGEST_BYTES)
  out.set(MAGIC)
  new DataView(out.buffer).setUint32(MAGIC.length, sessions.length, true)
  let at = HEAD_BYTES
  for (const record of records) {
    out.set(record, at)
    at += record.length
  }
  out.set(sha256(out.subarray(0, size)), size)
  return out
}

/** The digest says that every byte is as it was written, so nothing else is looked at. */
function decodeClaimFile(bytes: Uint8Array, path: string): readonly ClaimedSession[] {
  const size = bytes.length - DIGEST_BYTES
  if (
    size < HEAD_BYTES ||
    !isSameBytes(sha256(bytes.subarray(0, size)), bytes.subarray(size)) ||
    !MAGIC.every((byte, i) => byte === bytes[i])
  )
    throw new NodeError('NODE_CLAIM_FILE', `${path} is not as this node wrote it: what it proves cannot be claimed`, { path })
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const sessions: ClaimedSession[] = []
  let at = HEAD_BYTES
  for (let left = view.getUint32(MAGIC.length, true); left > 0; left--) {
    const clientIndex = view.getUint32(at, true)
    const amount = view.getBigUint64(at + 4, true)
    const start = at + RECORD_HEAD_BYTES
    at = start + view.getUint32(at + 12, true)
    const { path: _, ...evidence } = decodeClaimAnswer(bytes.subarray(start, at)).openings[0]!
    sessions.push({ evidence, leaf: claimLeafOf(evidence, clientIndex, amount) })
  }
  return sessions
}
