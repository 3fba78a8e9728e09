/** `selvedge ledger replay`: the whole history executed again. */
import { createLmdbStore } from '@selvedge/application/lmdb'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Report } from '../cli/report.ts'
import { abortOnSignal } from '../cli/until-signal.ts'
import { openArchive } from '../ledger-tools/archive-source.ts'
import { readGenesis } from '../ledger-tools/genesis-file.ts'
import { replayLedger, type Difference } from '../ledger-tools/replay-ledger.ts'

/** Until the next line about how far it is. */
const SAY_MS = 2_000

export async function ledgerReplay(
  report: Report,
  paths: readonly string[],
  options: { readonly genesis: string; readonly hash?: string },
): Promise<void> {
  const genesis = await readGenesis(options.genesis, options.hash)
  const signal = abortOnSignal()
  const archive = await openArchive(paths, genesis)
  const folder = await mkdtemp(join(tmpdir(), 'selvedge-replay-'))
  const store = createLmdbStore(folder)
  const began = performance.now()
  let said = began
  try {
    const replayed = await replayLedger(genesis, archive.blocks(), store, {
      signal,
      onBlock: (height, epoch) => {
        if (performance.now() - said < SAY_MS) return
        said = performance.now()
        const of = archive.height === undefined ? '' : ` of ${archive.height}`
        report.say(`block ${height}${of}, epoch ${epoch}: ${rateOf(height, began)} blocks/s`)
      },
    })
    const { height, epoch, stateRoot } = replayed
    const difference = replayed.difference ?? headDifferenceOf(archive.stateRoot, { height, epoch, stateRoot })
    const ms = Math.round(performance.now() - began)
    report.result(
      { ok: difference === undefined, ...replayed, ...(difference === undefined ? {} : { difference }), ms },
      ...(difference === undefined ? [] : [textOf(difference)]),
      `${replayed.blocks} blocks with ${replayed.transactions} transactions in ${ms} ms; certificates of ${replayed.certified}`,
      `state root ${stateRoot} at block ${height}, epoch ${epoch}${difference === undefined ? ': every root is what was certified' : ''}`,
    )
  } finally {
    await archive.close()
    await store.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** The folder's own state, which no certificate may name yet. */
function headDifferenceOf(
  archived: Uint8Array | undefined,
  { height, epoch, stateRoot }: { readonly height: number; readonly epoch: number; readonly stateRoot: string },
): Difference | undefined {
  const text = archived === undefined ? stateRoot : Buffer.from(archived).toString('hex')
  return text === stateRoot ? undefined : { height, epoch, what: 'state of the folder', archived: text, computed: stateRoot }
}

function textOf({ height, epoch, what, archived, computed }: Difference): string {
  return `DIFFERENCE at block ${height}, epoch ${epoch}: ${what}: archived ${archived}, computed ${computed}`
}

const rateOf = (blocks: number, began: number): number => Math.round((1_000 * blocks) / Math.max(1, performance.now() - began))
