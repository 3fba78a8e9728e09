// Row 9 of the goals: what the imports that a user writes cost, minified and compressed.
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import type { Bench } from '../../../tools/bench/bench.ts'

async function gzipBytesOf(names: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents: `export { ${names} } from '@selvedge/verified-streaming'`, resolveDir: import.meta.dirname },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
  })
  return gzipSync(outputFiles[0]!.contents, { level: 9 }).length
}

const sizeOf = (label: string, names: string, note?: string): Bench => ({
  name: `size of ${label}, minified, gzip`,
  unit: 'B',
  subjects: { ours: () => ({ figure: () => gzipBytesOf(names) }) },
  samples: 1,
  ...(note === undefined ? {} : { note }),
})

export const benches: readonly Bench[] = [
  sizeOf('hash', 'hash, createHasher'),
  sizeOf(
    'the core',
    'hash, createOutboardBuilder, encode, encodeRanges, decode, ChunkRanges',
    'hash, tree and codec; goal: at most 10,240 B',
  ),
]
