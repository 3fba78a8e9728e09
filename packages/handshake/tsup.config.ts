import type { Options } from 'tsup'

const config: Options = {
  entry: [
    'src/index.ts',
    'src/sharing.ts',
    'src/tls.ts',
    'src/duplex.ts',
    'src/websocket.ts',
    'src/websocket-server.ts',
    'src/dial.ts',
    'src/dial.node.ts',
  ],
  external: [/^#/], // chosen by the conditions of package.json at run time, not here
  format: 'esm',
  target: 'es2022',
  dts: false,
  clean: true,
  splitting: true,
}

export default config
