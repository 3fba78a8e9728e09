/** Asks a pool of three signatures, one of them bad, says what it answers, and ends by itself: nobody closes the pool. */
import { createKeyPair } from '@selvedge/crypto'
import { createVerifyPool } from '@selvedge/crypto/verify-pool'

const { sign, publicKey } = createKeyPair(new Uint8Array(32).fill(1))
const messages = [1, 2, 3].map((byte) => Uint8Array.of(byte))
const items = messages.map((message, i) => ({ signature: sign(i === 1 ? Uint8Array.of(9) : message), message, publicKey }))
const pool = createVerifyPool()
const said = await pool.judgeEd25519(items).then(
  (answers) => ({ answers }),
  (error) => ({ code: error.code, cause: error.cause?.code }),
)
process.stdout.write(`${JSON.stringify(said)}\n`)
