/**
 * What a user's import weighs in a browser, minified and gzipped, from the packed tarball.
 *
 *   node tools/size.ts [--root DIR]      packs everything and prints the table
 *
 * Each browser entry point of a room must bundle without any built-in of Node, and each import below has a budget. Raising a budget is a
 * decision: say in the commit what it buys.
 */
import { gzipSync } from 'node:zlib'
import { build, type Plugin } from 'esbuild'
import { isBuiltin } from './manifests.ts'
import type { Packed } from './packed.ts'
import { preparePackages } from './packed.ts'
import { browserEntriesOf } from './rooms.ts'
import { type Finding, runTool } from './tool.ts'

interface Budget {
  readonly room: string
  /** What a user writes. */
  readonly import: string
  readonly bytesMax: number
}

const KB = 1000

const weighing = (room: string, what: string, bytesMax: number, entry = ''): Budget => {
  return { room, import: `import ${what} from '@selvedge/${room}${entry}'`, bytesMax }
}

export const budgets: readonly Budget[] = [
  weighing('verified-streaming', '{ hash }', 4.95 * KB),
  weighing('verified-streaming', '{ decode }', 8.3 * KB),
  weighing('verified-streaming', '{ hash, createHasher, createOutboardBuilder, encode, encodeRanges, decode, ChunkRanges }', 10.95 * KB),
  weighing('verified-streaming', '{ fetchVerified }', 12.95 * KB),
  weighing('crypto', '{ sha256 }', 3.2 * KB, '/sha256'),
  weighing('crypto', '{ createKeyPair, verifyEd25519 }', 17 * KB),
  weighing('crypto', '{ createNoiseInitiator }', 14.2 * KB, '/noise'),
  weighing('simulator', '{ createSimulator }', 3.6 * KB),
  weighing('state-tree', '{ verifyProof }', 3 * KB),
  weighing('ledger-types', '{ createLightClient }', 36.5 * KB, '/light-client'),
  weighing('delivery-acknowledgement', '{ signAcknowledgement }', 1.6 * KB),
  weighing('delivery-acknowledgement', '{ createPayer }', 7.6 * KB, '/client'),
  weighing('verified-car', '{ verifyCar }', 33 * KB),
  weighing('content', '{ encodeRequest, decodeAnswer }', 6 * KB),
  weighing('handshake', '{ connectSession }', 30 * KB),
  weighing('handshake', '{ connectWebSocket }', 16.8 * KB, '/websocket'),
  weighing('origin-ipfs', '{ createIpfsOrigin }', 38 * KB),
  weighing('client', '{ createClient }', 91 * KB), // with Noise, WebSocket and what signs; 60 is the goal, and not met
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

/** Bytes of the bundle, minified and gzipped; rejects when it cannot be made for a browser. */
export async function bundleSize(project: string, contents: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: project, loader: 'js' },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'silent',
    plugins: [refuseBuiltins],
  })
  return gzipSync(outputFiles[0]?.contents ?? new Uint8Array(), { level: 9 }).length
}

export interface Weight extends Budget {
  readonly bytes: number
}

export async function weigh(
  packed: readonly Packed[],
  list: readonly Budget[] = budgets,
): Promise<{ weights: readonly Weight[]; findings: readonly Finding[] }> {
  const weights: Weight[] = []
  const findings: Finding[] = []
  const measure = async ({ project, room }: Packed, statement: string): Promise<number> => {
    try {
      return await bundleSize(project, statement)
    } catch (error) {
      findings.push({ file: `packages/${room.name}`, message: `${statement} does not bundle for a browser: ${(error as Error).message}` })
      return 0
    }
  }
  for (const each of packed) {
    for (const entry of browserEntriesOf(each.room)) await measure(each, `export * from '${each.manifest.name}${entry.slice(1)}'`)
    for (const budget of list.filter(({ room }) => room === each.room.name)) {
      const bytes = await measure(each, budget.import.replace(/^import/, 'export'))
      weights.push({ ...budget, bytes })
      if (bytes > budget.bytesMax)
        findings.push({ file: 'tools/size.ts', message: `${budget.import} weighs ${bytes} bytes, more than its ${budget.bytesMax}` })
    }
    const isWeighed = browserEntriesOf(each.room).length === 0 || list.some(({ room }) => room === each.room.name)
    if (!isWeighed && each.room.name !== 'interface')
      findings.push({ file: 'tools/size.ts', message: `${each.room.name} is browser-safe and has no budget` })
  }
  return { weights, findings }
}

await runTool(import.meta, async ({ root }) => {
  const { weights, findings } = await weigh(await preparePackages(root))
  for (const { import: statement, bytes, bytesMax } of weights) {
    process.stdout.write(`${(bytes / KB).toFixed(1).padStart(7)} kB of ${(bytesMax / KB).toFixed(1)}  ${statement}\n`)
  }
  return findings
})
