import type { Options } from 'tsup'

const engines = [
  'src/bls-engine.ts',
  'src/bls-engine.node.ts',
  'src/ed25519-engine.ts',
  'src/ed25519-engine.node.ts',
  'src/noise-engine.ts',
  'src/noise-engine.node.ts',
  'src/secp256k1-engine.ts',
  'src/secp256k1-engine.node.ts',
  'src/sha256-engine.ts',
  'src/sha256-engine.node.ts',
]
const config: Options = {
  entry: [
    'src/index.ts',
    'src/bls.ts',
    'src/certificate.node.ts',
    'src/ed25519.ts',
    'src/file-head.ts',
    'src/keyfile.node.ts',
    'src/noise.ts',
    'src/secp256k1.ts',
    'src/sha256.ts',
    'src/transcript.ts',
    'src/verify-pool.node.ts',
    'src/verify-worker.node.ts',
    ...engines,
  ],
  external: [/^#/], // chosen by the conditions of package.json at run time, not here
  format: 'esm',
  target: 'es2022',
  dts: false,
  clean: true,
  splitting: true,
}

export default config
