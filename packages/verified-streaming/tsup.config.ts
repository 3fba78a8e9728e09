import type { Options } from 'tsup'

const config: Options = {
  entry: [
    'src/index.ts',
    'src/service-worker.ts',
    'src/outboard-in-worker.ts',
    'src/outboard-worker.ts',
    'src/collection-from-directory.node.ts',
    'src/file-store.node.ts',
    'src/cli.node.ts',
  ],
  format: 'esm',
  target: 'es2022',
  dts: false,
  clean: true,
  splitting: true,
  esbuildOptions(options) {
    options.minifySyntax = true // constants become numbers where they are used; across the chunks a user's bundler would not do that
  },
}

export default config
