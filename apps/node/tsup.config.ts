import type { Options } from 'tsup'

const config: Options = {
  entry: ['src/main.ts', 'src/index.ts'],
  format: 'esm',
  target: 'node24',
  dts: false,
  clean: true,
  splitting: true,
}

export default config
