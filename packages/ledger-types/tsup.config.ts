import type { Options } from 'tsup'

const config: Options = {
  entry: ['src/index.ts', 'src/light-client/index.ts', 'src/nodes/noise-record.ts'],
  format: 'esm',
  target: 'es2022',
  dts: false,
  clean: true,
  splitting: true,
}

export default config
