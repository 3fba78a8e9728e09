/** `selvedge ledger restart`: the state that a ledger goes on from when no quorum is left, made by survivors and taken by all. */
import { createLmdbStore } from '@selvedge/application/lmdb'
import { createHasher } from '@selvedge/verified-streaming'
import { createReadStream, existsSync } from 'node:fs'
import { mkdtemp, open, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Report } from '../cli/report.ts'
import { NodeError } from '../errors.ts'
import { openLedgerFolder } from '../ledger-tools/archive-source.ts'
import { readGenesis } from '../ledger-tools/genesis-file.ts'
import { formatPin, pinHashOf } from '../ledger-tools/pin-file.ts'
import { importRestart, pinOf, restartStateOf, type RestartState } from '../ledger-tools/restart-state.ts'
import { integerIn, rootIn } from '../ledger-tools/texts.ts'

export interface PrepareOptions {
  readonly genesis: string
  readonly height?: string
  readonly gone: readonly string[]
  readonly output: string
  readonly pin?: string
}

export interface ApplyOptions {
  readonly genesis: string
  readonly root: string
  readonly data: string
}

export async function restartPrepare(report: Report, folder: string, options: PrepareOptions): Promise<void> {
  const genesis = await readGenesis(options.genesis)
  const gone = options.gone.map((text) => Number(integerIn('--gone', text, 2n ** 32n - 1n)))
  const { application, store } = openLedgerFolder(folder, genesis)
  const copyFolder = await mkdtemp(join(tmpdir(), 'selvedge-restart-'))
  const copy = createLmdbStore(copyFolder)
  try {
    const { height: head } = application.lastApplied()
    if (options.height !== undefined && integerIn('--height', options.height, 2n ** 53n) !== BigInt(head)) {
      throw new NodeError('NODE_USAGE', `${folder} stands at block ${head}, not ${options.height}: the survivors must agree on one block`)
    }
    const state = restartStateOf(application, copy, { genesis, gone })
    const root = await write(options.output, state)
    const pin = formatPin(pinOf(genesis, state))
    if (options.pin !== undefined) await writePin(options.pin, pin)
    const { epoch, height, stateRoot, committee, committeeRoot } = state
    const seats = committee.map(({ nodeIndex }) => nodeIndex)
    report.result(
      {
        ok: true,
        file: options.output,
        root,
        from: head,
        epoch,
        height,
        stateRoot: hex(stateRoot),
        committeeRoot: hex(committeeRoot),
        pinHash: pinHashOf(pin),
        seats,
      },
      `${options.output}: epoch ${epoch} begins at block ${height}, from block ${head}; committee ${seats.join(', ')}`,
      `root           ${root}   compare it with the other survivors'`,
      `committeeRoot  ${hex(committeeRoot)}   what light clients pin for epoch ${epoch}`,
      `pin            ${pinHashOf(pin)}   hash of the pin, with which nodes join later (--pin)`,
    )
  } finally {
    await store.close()
    await copy.close()
    await rm(copyFolder, { recursive: true, force: true })
  }
}

export async function restartApply(report: Report, file: string, options: ApplyOptions): Promise<void> {
  const genesis = await readGenesis(options.genesis)
  const expected = hex(rootIn('--root', options.root))
  const target = join(options.data, 'state')
  if (existsSync(target)) throw new NodeError('NODE_OUTPUT', `${target} is there already: a restart begins in a new folder`)
  if (!existsSync(file)) throw new NodeError('NODE_USAGE', `${file} cannot be read: there is no such file`)
  const part = `${target}.part`
  const { root, height } = await importInto(part, file, genesis.chainId)
  if (hex(root) !== expected) {
    await rm(part, { recursive: true })
    throw new NodeError('NODE_USAGE', `${file} has root ${hex(root)}, not ${expected}: it is not what the operators agreed on`)
  }
  await rename(part, target)
  report.result({ ok: true, data: options.data, height }, `${options.data} begins at block ${height}: start its node`)
}

/** What is there of an import that failed is taken away. */
async function importInto(folder: string, file: string, chainId: number): Promise<{ readonly root: Uint8Array; readonly height: number }> {
  const store = createLmdbStore(folder)
  try {
    const imported = await importRestart(store, createReadStream(file), chainId)
    await store.close()
    return imported
  } catch (error) {
    await store.close()
    await rm(folder, { recursive: true })
    throw error
  }
}

async function writePin(path: string, text: string): Promise<void> {
  await writeFile(path, text, { flag: 'wx' }).catch((cause: unknown) => {
    const why = (cause as NodeJS.ErrnoException).code === 'EEXIST' ? 'it is there already' : (cause as Error).message
    throw new NodeError('NODE_OUTPUT', `cannot write ${path}: ${why}`, {}, { cause })
  })
}

/** Whole under its name, or not there. @returns the BLAKE3 root, hex. */
async function write(path: string, { pieces }: RestartState): Promise<string> {
  if (existsSync(path)) throw new NodeError('NODE_OUTPUT', `cannot write ${path}: it is there already`)
  const hasher = createHasher()
  const file = await open(`${path}.part`, 'w')
  try {
    for (const bytes of pieces()) {
      hasher.update(bytes)
      await file.appendFile(bytes)
    }
    await file.datasync()
  } finally {
    await file.close()
  }
  await rename(`${path}.part`, path)
  return hex(hasher.digest())
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
