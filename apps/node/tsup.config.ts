import type { Options } from 'tsup'

const config: Options = {
  entry: { main: 'src/main.ts', index: 'src/index.ts', 'verdict-rules': 'src/ledger/verdict-rules.ts' },
  format: 'esm',
  target: 'node24',
  dts: false,
  clean: true,
  splitting: true,
}

export default config
