/** Makes the key file of a path, when it is told to, and says what it then reads there. */
import { createKeyFile, readKeyFile } from '@selvedge/crypto/keyfile'
import { once } from 'node:events'

const [path = '', passphrase] = process.argv.slice(2)
process.stdout.write('ready\n')
await once(process.stdin, 'data')
const isMade = await createKeyFile(path, { passphrase, workLog2: 12 })
const { secret } = await readKeyFile(path, { passphrase })
process.stdout.write(`${JSON.stringify({ isMade, secret: Buffer.from(secret).toString('hex') })}\n`)
process.exit(0)
