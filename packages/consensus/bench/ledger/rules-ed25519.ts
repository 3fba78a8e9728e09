/** What the verifier's threads check in the class `ed25519`. */
import { CHECKS } from './signed-transactions.ts'

export const isValidTransaction = (transaction: Uint8Array): boolean => CHECKS.ed25519(transaction)
