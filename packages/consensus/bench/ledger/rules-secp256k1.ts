/** What the verifier's threads check in the class `secp256k1`. */
import { CHECKS } from './signed-transactions.ts'

export const isValidTransaction = (transaction: Uint8Array): boolean => CHECKS.secp256k1(transaction)
