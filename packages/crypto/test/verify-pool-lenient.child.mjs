/** Asks a pool of bytes that are no signature though they look like one, and says what it answers. */
import { createVerifyPool } from '@selvedge/crypto/verify-pool'

const [signature, message, publicKey] = [64, 4, 32].map((length) => new Uint8Array(length).fill(1))
const said = await createVerifyPool()
  .judgeEd25519([{ signature, message, publicKey }])
  .then(
    (answers) => ({ answers }),
    (error) => ({ code: error.code, cause: error.cause?.code }),
  )
process.stdout.write(`${JSON.stringify(said)}\n`)
