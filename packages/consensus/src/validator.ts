/**
 * One validator: a core that decides, and everything that it needs done. Whoever embeds it brings a network, a store and a state machine.
 *
 * It is driven in turns of the event loop (driver/engine.ts) and decides nothing by itself. It ends in one of two ways: by `stop()`, or
 * by a failure after which going on could do harm (the disk, the executor, proof that more than a third is faulty); `closed` says which.
 */
import { RunningValidator } from './driver/running-validator.ts'
import { ConsensusError } from './errors.ts'
import type { Validator, ValidatorComponents, ValidatorOptions } from './validator-contract.ts'

/**
 * Makes a validator. Nothing happens before `start`.
 * @throws {ConsensusError} `CONSENSUS_BAD_ARGUMENT`
 */
export function createValidator(components: ValidatorComponents, options: ValidatorOptions): Validator {
  const missing = (['network', 'store', 'executor', 'nodeKey'] as const).find((name) => components?.[name] === undefined)
  if (missing !== undefined) throw new ConsensusError('CONSENSUS_BAD_ARGUMENT', `a validator needs ${missing} among its components`)
  const { chainId, genesisHash, genesis } = (options ?? {}) as Partial<ValidatorOptions>
  if (chainId === undefined || chainId >>> 0 !== chainId || chainId === 0)
    throw new ConsensusError('CONSENSUS_BAD_ARGUMENT', `chainId must be a u32 above 0, got ${chainId}`)
  if (!(genesisHash instanceof Uint8Array) || genesisHash.length !== 32)
    throw new ConsensusError('CONSENSUS_BAD_ARGUMENT', `genesisHash must be 32 bytes, got ${genesisHash?.length ?? typeof genesisHash}`)
  if (genesis === undefined) throw new ConsensusError('CONSENSUS_BAD_ARGUMENT', 'options.genesis is missing: the first epoch')
  return new RunningValidator(components, options)
}
