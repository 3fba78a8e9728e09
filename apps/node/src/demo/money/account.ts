/** A customer of the network: money put down by a transaction, and a word for the key that signs in a session. */
import { createKeyPair } from '@selvedge/crypto/ed25519'
import { signSecp256k1 } from '@selvedge/crypto/secp256k1'
import { delegationDigestOf } from '@selvedge/delivery-acknowledgement'
import type { PayingAccount } from '@selvedge/client'
import { clientIndexOf } from '../../ledger-devnet/claim-reading.ts'
import { CHAIN_ID, MICRO, type Wallet } from '../../ledger-devnet/setup.ts'
import { callSystem } from '../../ledger-devnet/wallets.ts'
import type { MoneyNetwork } from './network.ts'

/** What a customer puts down: a node serves it for a fortieth of that before the first claim is settled. */
const DEPOSIT: bigint = 1_000n * MICRO
const SPEND_CAP: bigint = 10n * MICRO
const GOOD_FOR_EPOCHS = 100

export interface Customer {
  readonly wallet: Wallet
  readonly clientIndex: number
}

export async function openAccount({ setup, server, rpcPort }: MoneyNetwork, wallet: Wallet): Promise<Customer> {
  await callSystem(setup, server.index, wallet, 'deposit', { account: wallet.address, amount: DEPOSIT })
  return { wallet, clientIndex: await clientIndexOf(rpcPort, wallet.address) }
}

/** A fresh session key, good for a sum and a time that the account has signed. */
export function delegate({ wallet }: Customer, epoch: number): PayingAccount {
  const sessionKey = createKeyPair()
  const fields = {
    account: wallet.address,
    sessionKey: sessionKey.publicKey,
    spendCap: SPEND_CAP,
    notAfterEpoch: BigInt(epoch + GOOD_FOR_EPOCHS),
    nonce: 0n,
    services: [],
  }
  const { signature, v } = signSecp256k1(delegationDigestOf(CHAIN_ID, fields), wallet.secretKey)
  return { delegation: { ...fields, signature: Uint8Array.of(...signature, v) }, sessionKey }
}
