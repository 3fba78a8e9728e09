/**
 * What `npm start` runs: the main job on real input, without the internet.
 *
 *   main.ts [DIR] [--once] [--json]
 *
 * An origin, a node in its own process, a client; everything by CID, verified; then what goes wrong in life. All data lies under the ignored
 * `.selvedge/` of the clone and is removed at exit, however that comes.
 */
import { rmSync } from 'node:fs'
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { endWithReader } from '../cli/closed-pipe.ts'
import { formatBytes, formatMs } from '../cli/format.ts'
import { untilSignal } from '../cli/until-signal.ts'
import { createFileDag, type FileDag } from '../dag/file-dag.ts'
import { serveDag } from '../dag/serve-dag.ts'
import { NodeError } from '../errors.ts'
import { killLedgerNodes } from '../ledger-devnet/processes.ts'
import { createChecks } from './checks.ts'
import { buildFolderInput, buildOwnInput, type Input } from './input.ts'
import { doJob } from './job.ts'
import { beginMoney, endMoney } from './money/chapter.ts'
import { startMoneyNetwork } from './money/network.ts'
import { killChildren, startNodeProcess } from './processes.ts'
import { startMisledNode, type MisledNode } from './refusals.ts'

const USAGE = 'usage: npm start -- [DIR] [--once] [--json]'
const TOP = resolve(import.meta.dirname, '..', '..', '..', '..')
const HOME = join(TOP, '.selvedge')

interface Options {
  readonly folder: string | undefined
  readonly isOnce: boolean
  readonly isJson: boolean
}

function parseOptions(args: readonly string[]): Options {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { once: { type: 'boolean' }, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    })
    if (positionals.length > 1) throw new Error(`one folder at most, got ${positionals.length}`)
    if (values.help === true) {
      process.stdout.write(
        `${USAGE}\n\n--once  exit when the job is done, non-zero where anything failed\n--json  end with one line of JSON\n`,
      )
      process.exit(0)
    }
    return { folder: positionals[0], isOnce: values.once === true, isJson: values.json === true }
  } catch (cause) {
    throw new NodeError('NODE_USAGE', `${(cause as Error).message}; ${USAGE}`, {}, { cause })
  }
}

const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** What a run that was killed with -9 left; runs that live keep theirs. */
async function sweep(): Promise<void> {
  for (const name of await readdir(HOME)) {
    const pid = Number(/^start-(\d+)$/.exec(name)?.[1])
    if (pid > 0 && !isAlive(pid)) await rm(join(HOME, name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function main(): Promise<number> {
  const { folder, isOnce, isJson } = parseOptions(process.argv.slice(2))
  if (folder !== undefined && !(await stat(folder).catch(() => undefined))?.isDirectory())
    throw new NodeError('NODE_USAGE', `${folder} is no folder`)
  const scratch = join(HOME, `start-${process.pid}`)
  await mkdir(scratch, { recursive: true })
  await sweep()
  process.on('exit', () => {
    killChildren()
    killLedgerNodes()
    rmSync(scratch, { recursive: true, force: true, maxRetries: 3 })
  })
  const ended = untilSignal()
  const phase = { isDone: false }
  const working = work({ scratch, folder, isOnce, isJson, ended, phase })
  const interrupted = ended.then(() => (phase.isDone ? working : 130)) // while it works: what it works with is ended by 'exit'
  return await Promise.race([working, interrupted])
}

interface Work extends Options {
  readonly scratch: string
  /** Resolves when this process is asked to end. */
  readonly ended: Promise<unknown>
  /** Whether nothing is left but waiting, for that or for the settlement. */
  readonly phase: { isDone: boolean }
}

async function work({ scratch, folder, isOnce, isJson, ended, phase }: Work): Promise<number> {
  const began = performance.now()
  const sinceBegin = (): number => Math.round(performance.now() - began)
  const checks = createChecks()
  const dag = createFileDag()
  const server = await serveDag(dag)
  const starting = startNodeProcess(join(scratch, 'node'), [server.url]) // it has nothing to fetch before there is something to ask for
  const joining = startMoneyNetwork(join(scratch, 'ledger'), [server.url])
  const inputs = folder === undefined ? ownInputs(dag, scratch) : folderInputs(dag, resolve(folder), scratch)
  const [{ input, misled }, node, network] = await Promise.all([inputs, starting, joining])
  const { bytes, leaves, nodes } = dag.stats
  say(
    `origin: ${formatBytes(bytes)} in ${leaves} leaves and ${nodes} nodes, built in ${formatMs(performance.now() - began)}, served at ${server.url}`,
  )
  say(`node:   ${node.address}`)
  const stopAll = async (): Promise<number> => {
    await Promise.all([network.stop(), node.stop(), server.stop()])
    return 0
  }
  const money = { network, large: input.large, page: input.page, checks, say }
  const begun = await beginMoney(money)
  const job = await doJob({ dag, input, address: node.address, misled, scratch, checks, say })
  const contentMs = sinceBegin()
  if (!isOnce) sayWhatToTry(input.large.cid.toString(), node.address)
  phase.isDone = !isOnce
  const settling = endMoney(money, begun)
  settling.catch(() => {}) // who does not want to wait for it ends what it waits for
  const settled = await (isOnce ? settling : Promise.race([settling, ended.then(() => undefined)]))
  if (settled === undefined) return await stopAll()
  const settledMs = sinceBegin()
  for (const failure of checks.failures) say(`FAILED: ${failure}`)
  say(checks.failures.length === 0 ? `all of it held, in ${formatMs(settledMs)}` : `${checks.failures.length} things did not hold`)
  if (isJson) say(JSON.stringify({ ...job, ok: checks.failures.length === 0, ...settled, times: { contentMs, settledMs } }))
  if (!isOnce) {
    await network.stop()
    await ended
  }
  await stopAll()
  return isOnce && checks.failures.length > 0 ? 1 : 0
}

function sayWhatToTry(cid: string, address: string): void {
  say('')
  say('the node keeps running until Ctrl-C; in another terminal, try:')
  say(`  npm run -s selvedge -- get ${cid} -o copy --node ${address}`)
  say('')
}

interface Inputs {
  readonly input: Input
  readonly misled: MisledNode
}

/** The node that is lied to starts while the DAG is built: of the machine's cores one has nothing to do then. */
async function ownInputs(dag: FileDag, scratch: string): Promise<Inputs> {
  const [misled, input] = await Promise.all([startMisledNode(process.execPath, scratch), buildOwnInput(dag, TOP)])
  return { input, misled }
}

async function folderInputs(dag: FileDag, folder: string, scratch: string): Promise<Inputs> {
  const input = await buildFolderInput(dag, folder)
  return { input, misled: await startMisledNode(input.large.file.file, scratch) }
}

endWithReader()
try {
  process.exit(await main())
} catch (error) {
  const { code = 'ERROR', message } = error as { code?: string; message: string }
  process.stderr.write(`${message}${error instanceof NodeError ? '' : ` (${code})`}\n`)
  process.exit(code === 'NODE_USAGE' ? 2 : 1)
}
