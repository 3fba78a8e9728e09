import type { Options } from 'tsup'

const config: Options = {
  entry: [
    'src/index.ts',
    'src/discovery.ts',
    'src/node.ts',
    'src/opfs.ts',
    'src/service-worker.ts',
    'src/several-nodes.ts',
    'src/sharing.ts',
    'src/ticks.ts',
  ],
  format: 'esm',
  target: 'es2022',
  dts: false,
  clean: true,
  splitting: true,
}

export default config
