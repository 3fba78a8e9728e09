import { defineConfig } from 'tsup'

export default defineConfig({
  entry: ['src/index.ts', 'src/ed25519.ts', 'src/sha256.ts', 'src/transcript.ts'],
  format: 'esm',
  target: 'es2022',
  dts: false,
  clean: true,
  splitting: true,
})
