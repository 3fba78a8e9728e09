/**
 * Goal: a validator that is killed at any moment comes back, catches up, never signs two things for one slot, and loses nothing that a
 * client was told. Method: four processes over TLS on loopback that are offered 1,600 transfers a second; one of them is killed with -9
 * at a drawn moment, sometimes again while it recovers. It comes back when the others have executed the 1,000 transfers of a second
 * without it, however long that takes on this machine, and must reach what they had applied then; again and again. In the end all logs
 * are equal, every accepted transfer is in them once, and whatever the logs on disk hold of signatures is read for two in one slot.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import type { Mode } from '../src/index.ts'
import type { JournalLine } from './support/accounts.ts'
import { readSignedStatements } from './support/signed-statements.ts'
import { until } from './support/until.ts'
import type { ChildLine, ChildSetup } from './support/validator.child.ts'

const SEED = Number(process.env['SEED'] ?? 1)
/** In a soak 200, here a few. */
const KILLS = Math.min(200, Number(process.env['RUNS'] ?? 2))
const COUNT = 4
/** Each, every 20 ms: 1,600 a second offered, 1,200 while one is away. */
const LOAD = 8
/** What the others execute while one is away: the transfers of a second, at the least load that counts. */
const EXECUTED_WITHOUT = 1_000
const CHILD = fileURLToPath(new URL('./support/validator.child.ts', import.meta.url))

const children: ChildProcess[] = []
let folder = ''
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

/** What one validator told in all its lives. */
interface Life {
  child: ChildProcess
  boot: number
  /** Of the last block that was applied. */
  index: number
  /** Transfers that it has applied, in all its lives. */
  executed: number
  /** It has brought something of this life into a block: it signs, and is not an amnesiac any more. */
  isAtWork: boolean
  readonly accepted: { readonly first: bigint; readonly count: number }[]
  readonly failures: string[]
}

function live(setup: ChildSetup, life: Partial<Life>): Life {
  const child = spawn(process.execPath, ['--conditions=@selvedge/source', CHILD, JSON.stringify(setup)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const lived: Life = Object.assign(life, {
    child,
    boot: setup.boot,
    index: 0,
    executed: life.executed ?? 0,
    isAtWork: false,
    accepted: life.accepted ?? [],
    failures: life.failures ?? [],
  })
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as ChildLine
    if (line.type === 'block' && lived.child === child) {
      lived.index = line.index
      lived.executed += line.count
      lived.isAtWork ||= line.isOwn
    } else if (line.type === 'accepted') lived.accepted.push({ first: BigInt(line.first), count: line.count })
    else if (line.type === 'failed') lived.failures.push(line.code)
  })
  return lived
}

const exited = (child: ChildProcess): Promise<unknown> => new Promise((resolve) => child.once('exit', resolve))

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve) => {
          const server = createServer().listen(0, '127.0.0.1', () => resolve(server))
        }),
    ),
  )
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

const journalOf = (place: number): JournalLine[] =>
  readFileSync(join(folder, `journal-${place}`), 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        const { epoch, index, digest, timestampMs, isFinal, ids, state } = JSON.parse(line) as JournalLine
        return [{ epoch, index, digest, timestampMs, isFinal, ids, state }]
      } catch {
        return [] // torn by a kill, or empty
      }
    })

/** Over the blocks after the first, whose time may be the genesis': the times in which somebody was away or came back are among them. */
function rateOf(journal: readonly JournalLine[]): { readonly executed: number; readonly perSecond: number } {
  const [first] = journal
  const timed = journal.filter(({ timestampMs }) => timestampMs > (first?.timestampMs ?? 0))
  const countOf = (lines: readonly JournalLine[]): number => lines.reduce((sum, { ids }) => sum + ids.length, 0)
  const spanMs = (timed.at(-1)?.timestampMs ?? 0) - (timed[0]?.timestampMs ?? 0)
  return { executed: countOf(journal), perSecond: Math.round((countOf(timed) * 1_000) / spanMs) }
}

/** Numbers below 1, from the seed. */
function createDraw(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

test.each<Mode>(['certified', 'uncertified'])(
  `${KILLS} kills under load: logs stay equal, nothing accepted is lost, no slot is signed twice, %s, seed ${SEED}`,
  async (mode) => {
    folder = await mkdtemp(join(tmpdir(), 'selvedge-kills-'))
    const ports = await freePorts(COUNT)
    const draw = createDraw(SEED)
    const setupOf = (place: number, boot: number): ChildSetup => ({ folder, place, boot, ports, mode, load: LOAD })
    const lives = ports.map((_, place) => live(setupOf(place, 0), {}))
    await until(() => lives.every(({ isAtWork }) => isAtWork)) // one more that were out before would be more than a third
    const kill = async (life: Life): Promise<void> => {
      const gone = exited(life.child)
      life.child.kill('SIGKILL')
      await gone
    }
    const pause = (longestMs: number): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, draw() * longestMs)) // the moment is drawn
    let rounds = 0
    for (let count = 0; count < KILLS; count++, rounds++) {
      const place = Math.floor(draw() * COUNT)
      const life = lives[place]!
      await pause(500)
      await kill(life)
      const others = lives.filter((other) => other !== life)
      const goal = Math.max(...others.map(({ index }) => index)) + 5 // they go on without it
      const enough = new Map(others.map((other) => [other, other.executed + EXECUTED_WITHOUT]))
      await until(() => others.every((other) => other.index >= goal && other.executed >= (enough.get(other) ?? 0)))
      live(setupOf(place, life.boot + 1), life)
      if (draw() < 0.3 && ++count < KILLS) {
        await pause(1_500) // while it starts, reads its log or catches up
        await kill(life)
        live(setupOf(place, life.boot + 1), life)
      }
      await until(() => life.index >= goal && life.isAtWork)
    }
    for (const { child } of lives) child.kill('SIGTERM') // no further load
    const accepted = (): bigint[] =>
      lives.flatMap((life) => life.accepted.flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + BigInt(i))))
    const isMissing = (): boolean => {
      const logs = lives.map((_, place) => new Set(journalOf(place).flatMap(({ ids }) => ids)))
      return accepted().some((id) => logs.some((log) => !log.has(String(id))))
    }
    while (isMissing()) await new Promise((resolve) => setTimeout(resolve, 200))
    await Promise.all(
      lives.map(({ child }) => {
        const gone = exited(child)
        child.kill('SIGUSR2')
        return gone
      }),
    )
    expect(lives.flatMap(({ failures }) => failures)).toEqual([])
    const journals = lives.map((_, place) => journalOf(place))
    const shortest = Math.min(...journals.map(({ length }) => length))
    for (const journal of journals) expect(journal.slice(0, shortest)).toEqual(journals[0]!.slice(0, shortest))
    for (const journal of journals) expect(journal.map(({ index }) => index)).toEqual(journal.map((_, i) => i + 1)) // each once, in order
    const signed = readSignedStatements(
      lives.map((_, place) => join(folder, `log-${place}`)),
      COUNT,
    )
    expect(signed.doubleSigned).toEqual([])
    expect(signed.count).toBeGreaterThan(100)
    expect(accepted().length).toBeGreaterThan(100)
    const { executed, perSecond } = rateOf(journals[0]!)
    if (process.env['RUNS'] !== undefined)
      console.log(`${mode}, seed ${SEED}, ${KILLS} kills: ${executed} transfers executed, ${perSecond} a second of block time`)
    expect(executed).toBeGreaterThanOrEqual(rounds * EXECUTED_WITHOUT)
  },
  Math.max(300_000, KILLS * 30_000),
)
