/**
 * A pin as a file that operators publish: JSON in one form, so that the files of all survivors are the same bytes and have one SHA-256. Integers are
 * decimal strings, bytes lower-case hex behind `0x`, as in a genesis file; nothing is missing, unknown or in another order.
 */
import {
  committeeRoot,
  decodeCommittee,
  encodeCommittee,
  isSameBytes,
  LedgerError,
  type CommitteeMember,
  type Genesis,
} from '@selvedge/ledger-types'
import { createHash } from 'node:crypto'
import { NodeError } from '../errors.ts'
import type { Pin } from '../ledger/pin.ts'
import { readFileOf } from './genesis-file.ts'

const FORMAT = 'selvedge pin/1'
/** A committee of a hundred is 18 kB of hex. */
const PIN_BYTES_MAX = 65_536

export function formatPin({ chainId, genesisHash, epoch, committee, start }: Pin): string {
  const file = {
    format: FORMAT,
    chainId: String(chainId),
    genesisHash: hex(genesisHash),
    epoch: String(epoch),
    height: String(start.height),
    stateRoot: hex(start.stateRoot),
    blockDigest: hex(start.blockDigest),
    committeeRoot: hex(committeeRoot(committee)),
    committee: hex(encodeCommittee(committee)),
  }
  return `${JSON.stringify(file, undefined, 2)}\n`
}

/** What operators compare: SHA-256 of the file, hex. */
export function pinHashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/**
 * Reads a pin; with `hash`, that file and no other.
 * @throws {NodeError} `NODE_USAGE` with one line that says what is wrong
 */
export async function readPin(path: string, genesis: Genesis, hash?: string): Promise<Pin> {
  const bytes = await readFileOf(path)
  const text = Buffer.from(bytes).toString('utf8')
  const own = pinHashOf(text)
  if (hash !== undefined && hash.toLowerCase().replace(/^0x/, '') !== own) {
    throw new NodeError('NODE_USAGE', `${path} has hash ${own}, not ${hash.slice(0, 80)}`)
  }
  const pin = bytes.length <= PIN_BYTES_MAX ? parsed(text) : undefined
  if (pin === undefined || formatPin(pin) !== text)
    throw new NodeError('NODE_USAGE', `${path} is no pin of "selvedge ledger restart prepare"`)
  if (pin.chainId !== genesis.chainId || !isSameBytes(pin.genesisHash, genesis.hash)) {
    throw new NodeError('NODE_USAGE', `${path} is a pin of another network than the genesis file's`)
  }
  return pin
}

/** Whatever is not there or in another form than `formatPin`'s comes out as something else, or not at all. */
function parsed(text: string): Pin | undefined {
  try {
    const fields = JSON.parse(text) as Readonly<Record<string, string>>
    const [height, epoch, chainId] = [Number(fields.height), Number(fields.epoch), Number(fields.chainId)]
    const start = { height, stateRoot: bytesOf(fields.stateRoot, 32), blockDigest: bytesOf(fields.blockDigest, 32) }
    const committee: CommitteeMember[] = decodeCommittee(bytesOf(fields.committee))
    const isWhole = [height, epoch, chainId].every((number) => Number.isSafeInteger(number) && number > 0)
    return isWhole ? { chainId, genesisHash: bytesOf(fields.genesisHash, 32), epoch, committee, start } : undefined
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof LedgerError || error instanceof TypeError) return undefined
    throw error
  }
}

/** @throws {TypeError} for what is no hex of so many bytes */
function bytesOf(text: string | undefined, size?: number): Uint8Array {
  const bytes = Uint8Array.from(Buffer.from((text ?? '').slice(2), 'hex'))
  if (size !== undefined && bytes.length !== size) throw new TypeError(`${size} bytes were expected`)
  return bytes
}

const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString('hex')}`
