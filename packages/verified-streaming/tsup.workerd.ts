/** The build that the export condition `workerd` names: the package, and the kernel as a module beside it. */
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Options } from 'tsup'
import { generateKernel } from './src/kernel/generate.ts'

const config: Options = {
  entry: ['src/index.ts', 'src/service-worker.ts'],
  outDir: 'dist/workerd',
  format: 'esm',
  target: 'es2022',
  dts: false,
  splitting: true,
  esbuildPlugins: [
    {
      name: 'kernel-as-module',
      setup({ onResolve }) {
        onResolve({ filter: /\/compile\.ts$/ }, () => ({ path: resolve('src/kernel/compile.workerd.ts') }))
        onResolve({ filter: /\.wasm$/ }, () => ({ path: './kernel.wasm', external: true }))
      },
    },
  ],
  async onSuccess() {
    writeFileSync('dist/workerd/kernel.wasm', generateKernel())
  },
}

export default config
