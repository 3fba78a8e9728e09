/**
 * What a user's import weighs in a browser, minified and gzipped, from the packed tarball.
 *
 *   node tools/size.ts [--root DIR]      packs everything and prints the table
 *
 * Each browser entry point of a room must bundle without any built-in of Node, and each import below has a budget; so have the blocks of READMEs
 * that a page runs. What is loaded at once is weighed, and beside it what is loaded only where something asks for it (a dynamic import), each
 * file gzipped by itself as it is sent. Raising a budget is a decision: say in the commit what it buys.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build, type Metafile, type Plugin } from 'esbuild'
import { isBuiltin } from './manifests.ts'
import type { Packed } from './packed.ts'
import { preparePackages } from './packed.ts'
import { examplesIn } from './readme.ts'
import { browserEntriesOf } from './rooms.ts'
import { type Finding, runTool } from './tool.ts'

interface Budget {
  readonly room: string
  /** What a user writes; or of a README which block that names this test, counted from 1: `test/browser.test.ts 1`. */
  readonly import: string
  /** Loaded at once. */
  readonly bytesMax: number
  /** Loaded where something asks for it. @default 0 */
  readonly lateBytesMax?: number
}

const KB = 1000

const weighing = (room: string, what: string, bytesMax: number, entry = '', lateBytesMax = 0): Budget => {
  return { room, import: `import ${what} from '@selvedge/${room}${entry}'`, bytesMax, lateBytesMax }
}

/** Hash functions that nearly no CID names. */
const RARE_HASHES = 7.2 * KB
/** How a client follows the names below a CID, and the media types of names. */
const PATHS = 4.6 * KB

export const budgets: readonly Budget[] = [
  weighing('verified-streaming', '{ hash }', 4.95 * KB),
  weighing('verified-streaming', '{ decode }', 8.4 * KB),
  weighing('verified-streaming', '{ hash, createHasher, createOutboardBuilder, encode, encodeRanges, decode, ChunkRanges }', 11.25 * KB),
  weighing('verified-streaming', '{ fetchVerified }', 13.4 * KB),
  weighing('crypto', '{ sha256 }', 3.2 * KB, '/sha256'),
  weighing('crypto', '{ createKeyPair, verifyEd25519 }', 14.5 * KB),
  weighing('crypto', '{ createNoiseInitiator }', 14 * KB, '/noise'),
  weighing('simulator', '{ createSimulator }', 3.6 * KB),
  weighing('state-tree', '{ verifyProof }', 3 * KB),
  weighing('ledger-types', '{ createLightClient }', 35.2 * KB, '/light-client'),
  weighing('delivery-acknowledgement', '{ signAcknowledgement }', 1.6 * KB),
  weighing('delivery-acknowledgement', '{ createPayer }', 8.5 * KB, '/client'),
  weighing('verified-car', '{ verifyCar }', 21.6 * KB, '', RARE_HASHES),
  weighing('content', '{ encodeRequest, decodeAnswer }', 6.2 * KB),
  weighing('handshake', '{ connectSession }', 34.8 * KB),
  weighing('handshake', '{ createSharing, joinSession }', 36.2 * KB, '/sharing'),
  weighing('handshake', '{ connectWebSocket }', 16.5 * KB, '/websocket'),
  weighing('origin-ipfs', '{ createIpfsOrigin }', 25.6 * KB, '', RARE_HASHES),
  // With Noise, WebSocket, what resumes and what signs; 60 KiB is the goal, and not met: docs/decisions/0026.
  weighing('client', '{ createClient }', 85 * KB, '', RARE_HASHES + PATHS),
  weighing('client', '{ createSharing, joining }', 48.5 * KB, '/sharing'),
  weighing('client', '{ createTicks }', 4.3 * KB, '/ticks'),
  { room: 'client', import: 'test/browser.test.ts 1', bytesMax: 85.2 * KB, lateBytesMax: RARE_HASHES + PATHS },
  { room: 'client', import: 'test/browser.test.ts 2', bytesMax: 90.2 * KB, lateBytesMax: RARE_HASHES + PATHS }, // a worker is one file: both
]

/** A bundler of a page has no built-in to offer: naming one is an error, behind a dynamic import too. */
const refuseBuiltins: Plugin = {
  name: 'refuse-builtins',
  setup(bundler) {
    bundler.onResolve({ filter: /.*/ }, ({ path, importer }) => {
      return isBuiltin(path)
        ? { errors: [{ text: `${path} is a built-in of Node (imported by ${importer.split('/node_modules/').at(-1)})` }] }
        : null
    })
  },
}

export interface BundleBytes {
  /** With what it imports, and what that does. */
  readonly bytes: number
  /** Behind dynamic imports. */
  readonly lateBytes: number
}

/** Of the bundle, minified, each file gzipped; rejects when it cannot be made for a browser. */
export async function bundleSize(project: string, contents: string): Promise<BundleBytes> {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: project, loader: 'js', sourcefile: 'entry.js' },
    bundle: true,
    minify: true,
    splitting: true,
    write: false,
    metafile: true,
    outdir: project,
    absWorkingDir: project,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'silent',
    plugins: [refuseBuiltins],
  })
  const first = reachedIn(metafile, project, ['import-statement'])
  const all = reachedIn(metafile, project, ['import-statement', 'dynamic-import']) // what nothing reaches is written all the same
  let [bytes, lateBytes] = [0, 0]
  for (const { path, contents: file } of outputFiles) {
    const gzipped = gzipSync(file, { level: 9 }).length
    if (first.has(path)) bytes += gzipped
    else if (all.has(path)) lateBytes += gzipped
  }
  return { bytes, lateBytes }
}
/** The files, by their full names, that the entry comes to by imports of these kinds. */
function reachedIn({ outputs }: Metafile, folder: string, kinds: readonly string[]): ReadonlySet<string> {
  const waiting = Object.keys(outputs).filter((path) => outputs[path]?.entryPoint === 'entry.js')
  const found = new Set<string>()
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    found.add(join(folder, path))
    for (const { path: next, kind } of outputs[path]?.imports ?? [])
      if (kinds.includes(kind) && !found.has(join(folder, next))) waiting.push(next)
  }
  return found
}

/** What a budget is about, as a module. */
function codeOf({ manifest, project }: Packed, statement: string): string {
  if (statement.startsWith('import ')) return statement.replace(/^import/, 'export')
  const [test, place] = statement.split(' ')
  const readme = join(project, 'node_modules', manifest.name, 'README.md')
  const blocks = existsSync(readme) ? examplesIn(readFileSync(readme, 'utf8')) : []
  const block = blocks.filter(({ attributes }) => attributes['tested-by'] === test)[Number(place) - 1]
  if (block === undefined) throw new Error('the README has no such block')
  return block.code
}

export interface Weight extends Budget, BundleBytes {}

export async function weigh(
  packed: readonly Packed[],
  list: readonly Budget[] = budgets,
): Promise<{ weights: readonly Weight[]; findings: readonly Finding[] }> {
  const weights: Weight[] = []
  const findings: Finding[] = []
  const measure = async ({ project, room }: Packed, statement: string, codeOfStatement = (): string => statement): Promise<BundleBytes> => {
    try {
      return await bundleSize(project, codeOfStatement())
    } catch (error) {
      findings.push({ file: `packages/${room.name}`, message: `${statement} does not bundle for a browser: ${(error as Error).message}` })
      return { bytes: 0, lateBytes: 0 }
    }
  }
  for (const each of packed) {
    for (const entry of browserEntriesOf(each.room)) await measure(each, `export * from '${each.manifest.name}${entry.slice(1)}'`)
    for (const budget of list.filter(({ room }) => room === each.room.name)) {
      const { import: statement, bytesMax, lateBytesMax = 0 } = budget
      const weight = await measure(each, statement, () => codeOf(each, statement))
      weights.push({ ...budget, ...weight })
      const over = (bytes: number, max: number, where: string): void => {
        if (bytes > max)
          findings.push({ file: 'tools/size.ts', message: `${statement} weighs ${bytes} bytes${where}, more than its ${max}` })
      }
      over(weight.bytes, bytesMax, '')
      over(weight.lateBytes, lateBytesMax, ' that come late')
    }
    const isWeighed = browserEntriesOf(each.room).length === 0 || list.some(({ room }) => room === each.room.name)
    if (!isWeighed && each.room.name !== 'interface')
      findings.push({ file: 'tools/size.ts', message: `${each.room.name} is browser-safe and has no budget` })
  }
  return { weights, findings }
}

await runTool(import.meta, async ({ root }) => {
  const { weights, findings } = await weigh(await preparePackages(root))
  for (const { import: statement, room, bytes, bytesMax, lateBytes } of weights) {
    const what = statement.startsWith('import ') ? statement : `README of ${room}, block ${statement}`
    const late = lateBytes === 0 ? '' : ` (and ${(lateBytes / KB).toFixed(1)} late)`
    process.stdout.write(`${(bytes / KB).toFixed(1).padStart(7)} kB of ${(bytesMax / KB).toFixed(1)}${late}  ${what}\n`)
  }
  return findings
})
