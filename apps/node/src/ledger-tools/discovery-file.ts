/**
 * Puts a discovery document and its signature in place of what an earlier run has put there.
 *
 * Invariants: each of the two files is there whole or not at all, and no document stands in place of one of a later epoch, or of what is none.
 * The two names change one after the other; who reads between the two finds a signature that does not fit, and the next run mends it.
 */
import { ClientError } from '@selvedge/client'
import { decodeDiscovery, discoverySigningBytes, encodeDiscovery, type DiscoveryDocument } from '@selvedge/client/discovery'
import { isSameBytes } from '@selvedge/ledger-types'
import { randomUUID } from 'node:crypto'
import { readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { withOutputLock } from '../download/output-lock.ts'
import { syncFolder, writeDurably } from '../durable-file.ts'
import { NodeError } from '../errors.ts'

/** A web server of another user hands them out. */
const PUBLIC = 0o666

/** @param sign - by the network's discovery key. @throws {NodeError} `NODE_DISCOVERY`, `NODE_OUTPUT`; {ClientError} `CLIENT_BAD_DISCOVERY` */
export async function placeDiscovery(path: string, document: DiscoveryDocument, sign: (message: Uint8Array) => Uint8Array): Promise<void> {
  const bytes = encodeDiscovery(document)
  await withOutputLock(path, async () => {
    const there = await documentIn(path)
    if (there !== undefined) assertReplaceable(path, there, document)
    const signaturePath = `${path}.sig`
    const [newFile, newSignature] = [temporary(path), temporary(signaturePath)]
    try {
      await writeDurably(newFile, bytes, PUBLIC)
      await writeDurably(newSignature, sign(discoverySigningBytes(bytes)), PUBLIC)
      await rename(newSignature, signaturePath)
      await rename(newFile, path)
      await syncFolder(dirname(path))
    } catch (cause) {
      throw cannotWrite(path, (cause as Error).message, cause)
    } finally {
      await Promise.all([newFile, newSignature].map((each) => rm(each, { force: true })))
    }
  })
}

/** Its signature is not looked at: a run that was killed may have left one that does not fit. */
async function documentIn(path: string): Promise<DiscoveryDocument | undefined> {
  try {
    return decodeDiscovery(await readFile(path))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    const why = cause instanceof ClientError ? 'what is there is no discovery document, and is left alone' : (cause as Error).message
    throw cannotWrite(path, why, cause)
  }
}

function assertReplaceable(path: string, there: DiscoveryDocument, { chainId, genesisHash, epoch }: DiscoveryDocument): void {
  if (there.chainId !== chainId || !isSameBytes(there.genesisHash, genesisHash))
    throw cannotWrite(path, `the document that is there is of another network, chain ${there.chainId}`)
  if (there.epoch > epoch)
    throw new NodeError('NODE_DISCOVERY', `${path} is of epoch ${there.epoch}, and the node that was asked is in epoch ${epoch}`, { epoch })
}

const temporary = (path: string): string => `${path}.${randomUUID()}.tmp`

function cannotWrite(path: string, why: string, cause?: unknown): NodeError {
  return new NodeError('NODE_OUTPUT', `cannot write ${path}: ${why}`, {}, { cause })
}
