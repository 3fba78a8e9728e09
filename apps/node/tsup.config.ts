import type { Options } from 'tsup'

const config: Options = {
  entry: ['src/main.ts'],
  format: 'esm',
  target: 'node24',
  dts: false,
  clean: true,
}

export default config
