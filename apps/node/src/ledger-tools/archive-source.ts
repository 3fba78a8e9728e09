/** Where `selvedge ledger replay` gets the past from: a node's state folder, or epoch files. */
import { createApplication, hasState, type Application, type KeyValueStore } from '@selvedge/application'
import { createLmdbStore, type LmdbStore } from '@selvedge/application/lmdb'
import { checkpointOfCertificate, decodeCheckpoint, type Genesis } from '@selvedge/ledger-types'
import { existsSync, statSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { NodeError } from '../errors.ts'
import { evidenceRules } from '../ledger/evidence-rules.ts'
import { openEpochFile, type EpochFileReader } from './archive-files.ts'
import { pastBlockOf, type PastBlock } from './replay-ledger.ts'

export interface ArchiveSource {
  /** Height of the last block, where it is known before the end. */
  readonly height: number | undefined
  /** What the archive itself has as its state at `height`. */
  readonly stateRoot: Uint8Array | undefined
  blocks(): AsyncIterable<PastBlock> | Iterable<PastBlock>
  close(): Promise<void>
}

/** A folder, or files of epochs from 0 on in any order. @throws {NodeError} `NODE_USAGE` @throws {LedgerError} `LEDGER_MALFORMED` */
export async function openArchive(paths: readonly string[], genesis: Genesis): Promise<ArchiveSource> {
  const [first] = paths
  if (first !== undefined && paths.length === 1 && isFolder(first)) return openFolder(first, genesis)
  return await openFiles(paths, genesis)
}

/** A node's ledger, only to be read: whatever would write is an error. @throws {NodeError} `NODE_USAGE` */
export function openLedgerFolder(path: string, genesis: Genesis): { readonly application: Application; readonly store: LmdbStore } {
  const folder = [path, join(path, 'state')].find((each) => existsSync(join(each, 'data.mdb')))
  if (folder === undefined) throw new NodeError('NODE_USAGE', `${path} is no ledger: neither data.mdb nor state/data.mdb is in it`)
  const store = createLmdbStore(folder)
  if (!hasState(store)) throw new NodeError('NODE_USAGE', `${path} holds no whole state`)
  return { application: createApplication({ store: readOnly(store, folder), evidenceRules }, { genesis, isArchive: true }), store }
}

function openFolder(path: string, genesis: Genesis): ArchiveSource {
  const { application, store } = openLedgerFolder(path, genesis)
  const { history } = application
  const { height, stateRoot } = application.lastApplied()
  if (history.oldest() !== 1) {
    throw new NodeError('NODE_USAGE', `${path} begins at block ${history.oldest()}: a replay needs an archive, which has all from block 1`)
  }
  function* blocks(): Iterable<PastBlock> {
    for (let at = 1; at <= height; at++) {
      const record = history.recordOf(at)
      if (record === undefined) throw new NodeError('NODE_USAGE', `${path} has no block ${at}`)
      const certificate = application.certificateOf(at)
      yield {
        certificate,
        checkpoint: certificate === undefined ? decodeCheckpoint(record.checkpoint) : checkpointOfCertificate(certificate),
        subDagDigest: record.subDagDigest,
        transactions: history.transactionsOf(at),
        receipts: history.receiptsOf(at),
      }
    }
  }
  return { height, stateRoot, blocks, close: () => store.close() }
}

async function openFiles(paths: readonly string[], { chainId }: Genesis): Promise<ArchiveSource> {
  const files: OpenFile[] = []
  const close = async (): Promise<void> => void (await Promise.all(files.map(({ handle }) => handle.close())))
  try {
    for (const path of paths) {
      const handle = await open(path).catch((cause: unknown) => {
        throw new NodeError('NODE_USAGE', `${path} cannot be read: ${(cause as Error).message}`, {}, { cause })
      })
      files.push({ path, handle })
    }
    const readers = await Promise.all(files.map(async ({ path, handle }) => ({ path, reader: await readerOf(handle) })))
    readers.sort((a, b) => a.reader.header.epoch - b.reader.header.epoch)
    for (const [epoch, { path, reader }] of readers.entries()) {
      const { header } = reader
      if (header.chainId !== chainId) throw new NodeError('NODE_USAGE', `${path} is of chain ${header.chainId}, not ${chainId}`)
      if (header.epoch !== epoch) throw new NodeError('NODE_USAGE', `the file of epoch ${epoch} is missing: ${path} is of ${header.epoch}`)
    }
    return { height: undefined, stateRoot: undefined, blocks: () => blocksOf(readers), close }
  } catch (error) {
    await close()
    throw error
  }
}

interface OpenFile {
  readonly path: string
  readonly handle: FileHandle
}

async function readerOf(handle: FileHandle): Promise<EpochFileReader> {
  const { size } = await handle.stat()
  return await openEpochFile({
    size,
    async readAt(offset, length) {
      const { bytesRead, buffer } = await handle.read(new Uint8Array(length), 0, length, offset)
      return buffer.subarray(0, bytesRead)
    },
  })
}

async function* blocksOf(files: readonly { readonly reader: EpochFileReader }[]): AsyncIterable<PastBlock> {
  for (const { reader } of files) for await (const { block } of reader.blocks()) yield pastBlockOf(block)
}

function readOnly(store: LmdbStore, path: string): KeyValueStore {
  return {
    ...store,
    commit: () => {
      throw new NodeError('NODE_USAGE', `${path} is only read here, and its ledger is not whole: start its node once`)
    },
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}
