import type { Options } from 'tsup'

const config: Options = {
  entry: [
    'src/index.ts',
    'src/tls.node.ts',
    'src/store.node.ts',
    'src/collector.node.ts',
    'src/verify-worker.node.ts',
    'src/bls-worker.node.ts',
  ],
  format: 'esm',
  target: 'es2022',
  dts: false,
  clean: true,
  splitting: true,
}

export default config
