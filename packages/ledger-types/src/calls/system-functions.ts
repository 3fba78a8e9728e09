/**
 * The functions of the system address, as data: names, arguments with their meaning, what they cost and how they can fail. Selectors,
 * dispatch and the state machine's page of transactions are made from this table. Source: ledger rules, "Account transactions".
 */
import type { Checks } from '../codes.ts'

const nodeIndex = { name: 'nodeIndex', type: 'uint32', means: 'the node' } as const
const serviceId = { name: 'serviceId', type: 'uint32', means: 'the service' } as const
const manifest = { name: 'manifest', type: 'bytes32', means: 'root of its manifest' } as const
const priceMultiplePpm = {
  name: 'priceMultiplePpm',
  type: 'uint32',
  means: 'its price as a share of the table, at most 1',
  unit: 'ppm',
} as const
const payees = { name: 'payees', type: '(address,uint32)[]', means: '1 to 16 who share what it earns, in ppm that sum to 10^6' } as const
const noiseRecord = { name: 'noiseRecord', type: 'bytes', means: 'signed X25519 key of its sessions, 136 bytes' } as const
const addresses = { name: 'addresses', type: 'bytes', means: 'where it is reached: count u8, 1 to 4 addresses' } as const

const owned = [44, 'the sender owns the node'] as const
const ownService = [44, 'the sender owns the service'] as const
const client = [45, 'the sender is a client'] as const
const record = [42, 'a session record of this node, signed for this chain'] as const
const hosts = [43, 'addresses that hosts can have'] as const
const unbondRoom = [49, 'fewer than 32 entries of the sender unbond'] as const
const withdrawRoom = [49, 'fewer than 32 withdrawals of the sender wait'] as const
const terms = [46, 'multiple ≤ 10^6; 1 to 16 payees, none a reserved address, 10^6 together'] as const

type Arg<N extends string, T extends string, U extends string | undefined = undefined> = U extends string
  ? { readonly name: N; readonly type: T; readonly means: string; readonly unit: U }
  : { readonly name: N; readonly type: T; readonly means: string }

interface Fn<A extends readonly unknown[], P extends boolean = false> {
  readonly args: A
  readonly payable: P
  readonly gas: 'default' | 'registerNode' | 'addService' | 'bridgeSignature'
  readonly checks: Checks
  readonly does: string
}

type NodeArg = Arg<'nodeIndex', 'uint32'>
type ServiceArgs = readonly [Arg<'manifest', 'bytes32'>, Arg<'priceMultiplePpm', 'uint32', 'ppm'>, Arg<'payees', '(address,uint32)[]'>]

/** Types of the table: TypeScript needs them written where declarations are made file by file. */
export interface SystemFunctions {
  readonly registerNode: Fn<
    readonly [
      Arg<'nodeKey', 'bytes32'>,
      Arg<'bls', 'bytes'>,
      Arg<'pop', 'bytes'>,
      Arg<'nodeSig', 'bytes'>,
      Arg<'noiseRecord', 'bytes'>,
      Arg<'addresses', 'bytes'>,
    ],
    true
  >
  readonly setNode: Fn<readonly [NodeArg, Arg<'noiseRecord', 'bytes'>, Arg<'addresses', 'bytes'>]>
  readonly stake: Fn<readonly [NodeArg], true>
  readonly lock: Fn<readonly [NodeArg, Arg<'untilEpoch', 'uint64', 'epoch'>]>
  readonly unstake: Fn<readonly [NodeArg, Arg<'amount', 'uint256', 'wei'>]>
  readonly delegate: Fn<readonly [NodeArg], true>
  readonly undelegate: Fn<readonly [NodeArg, Arg<'shares', 'uint256', 'shares'>]>
  readonly setCommission: Fn<readonly [NodeArg, Arg<'ppm', 'uint32', 'ppm'>]>
  readonly claimUnbonded: Fn<readonly [Arg<'to', 'address'>]>
  readonly optIn: Fn<readonly [NodeArg]>
  readonly optOut: Fn<readonly [NodeArg]>
  readonly deposit: Fn<readonly [Arg<'account', 'address'>, Arg<'amount', 'uint256', 'micro'>]>
  readonly requestWithdraw: Fn<readonly [Arg<'amount', 'uint256', 'micro'>]>
  readonly setEpochCap: Fn<readonly [Arg<'amount', 'uint256', 'micro'>]>
  readonly raiseMinNonce: Fn<readonly [Arg<'minNonce', 'uint64'>]>
  readonly setCollateral: Fn<readonly [Arg<'amount', 'uint256', 'micro'>]>
  readonly reserve: Fn<readonly [NodeArg, Arg<'perEpoch', 'uint256', 'micro'>, Arg<'lastEpoch', 'uint64', 'epoch'>]>
  readonly dispute: Fn<readonly [Arg<'epoch', 'uint64', 'epoch'>, NodeArg, Arg<'serviceId', 'uint32'>], true>
  readonly addService: Fn<ServiceArgs, true>
  readonly updateService: Fn<readonly [Arg<'serviceId', 'uint32'>, ...ServiceArgs]>
  readonly removeService: Fn<readonly [Arg<'serviceId', 'uint32'>]>
  readonly bridgeOut: Fn<readonly [Arg<'token', 'uint32'>, Arg<'to', 'bytes'>, Arg<'amount', 'uint256', 'micro'>]>
  readonly bridgeMint: Fn<
    readonly [
      Arg<'token', 'uint32'>,
      Arg<'sourceId', 'bytes32'>,
      Arg<'to', 'address'>,
      Arg<'prepaid', 'bool'>,
      Arg<'amount', 'uint256', 'micro'>,
      Arg<'signatures', 'bytes'>,
    ]
  >
  readonly govern: Fn<readonly [Arg<'action', 'bytes'>, Arg<'epoch', 'uint64', 'epoch'>]>
}

export const SYSTEM_FUNCTIONS: SystemFunctions = {
  registerNode: {
    args: [
      { name: 'nodeKey', type: 'bytes32', means: 'Ed25519 key; it is the node for ever' },
      { name: 'bls', type: 'bytes', means: 'BLS key, 48 bytes' },
      { name: 'pop', type: 'bytes', means: 'its proof of possession, 96 bytes' },
      { name: 'nodeSig', type: 'bytes', means: "the node key's signature over chain, owner, BLS key, hashes of record and addresses" },
      noiseRecord,
      addresses,
    ],
    payable: true,
    gas: 'registerNode',
    checks: [
      [40, 'value ≥ minStake'],
      [41, 'neither key was ever registered'],
      [42, 'possession of both keys, bound to owner, session record and addresses; the record is of this node and chain'],
      hosts,
    ],
    does: 'registers a node with the value as its stake; it gets the next nodeIndex and is Idle',
  },
  setNode: {
    args: [nodeIndex, noiseRecord, addresses],
    payable: false,
    gas: 'default',
    checks: [owned, record, hosts],
    does: 'replaces session key and addresses from the next epoch on',
  },
  stake: {
    args: [nodeIndex],
    payable: true,
    gas: 'default',
    checks: [[45, 'the node exists and is not Jailed']],
    does: 'adds the value to the stake; only the owner gets it back',
  },
  lock: {
    args: [nodeIndex, { name: 'untilEpoch', type: 'uint64', means: 'first epoch in which it is free', unit: 'epoch' }],
    payable: false,
    gas: 'default',
    checks: [owned, [46, 'after the running epoch, not before the present lock, at most maxLockEpochs ahead']],
    does: 'locks the stake, which raises what the node earns',
  },
  unstake: {
    args: [nodeIndex, { name: 'amount', type: 'uint256', means: 'native', unit: 'wei' }],
    payable: false,
    gas: 'default',
    checks: [
      owned,
      [40, '0 < amount ≤ stake'],
      [48, 'the lock has ended'],
      [40, 'the node is Idle or Jailed, or what is left is nothing or ≥ minStake'],
      unbondRoom,
    ],
    does: 'puts stake into the unbonding queue',
  },
  delegate: {
    args: [nodeIndex],
    payable: true,
    gas: 'default',
    checks: [
      [45, 'the node is Active'],
      [40, 'value > 0'],
      [50, 'the pool is not worthless, and at most 4 times the own stake afterwards'],
      [40, 'the value is worth a share'],
      [47, 'shares and what they earned are each a u128'],
    ],
    does: "adds the value to the node's pool for shares of it",
  },
  undelegate: {
    args: [nodeIndex, { name: 'shares', type: 'uint256', means: 'shares of the pool', unit: 'shares' }],
    payable: false,
    gas: 'default',
    checks: [[45, 'the node exists'], [40, '0 < shares ≤ held'], unbondRoom],
    does: 'puts the worth of shares into the unbonding queue',
  },
  setCommission: {
    args: [nodeIndex, { name: 'ppm', type: 'uint32', means: "the owner's share of what delegators earn", unit: 'ppm' }],
    payable: false,
    gas: 'default',
    checks: [owned, [46, '≤ 10^6, and at most 50,000 above the present one']],
    does: 'sets the commission from the next epoch on',
  },
  claimUnbonded: {
    args: [{ name: 'to', type: 'address', means: 'who gets it' }],
    payable: false,
    gas: 'default',
    checks: [[40, 'something is due, and the receiver is no reserved address']],
    does: 'pays all that is due to the sender',
  },
  optIn: {
    args: [nodeIndex],
    payable: false,
    gas: 'default',
    checks: [owned, [51, 'Idle or OptingOut'], [40, 'stake ≥ minStake']],
    does: 'makes the node Active with the next epoch',
  },
  optOut: {
    args: [nodeIndex],
    payable: false,
    gas: 'default',
    checks: [owned, [51, 'Active or OptingIn']],
    does: 'makes the node Idle with the next epoch',
  },
  deposit: {
    args: [
      { name: 'account', type: 'address', means: 'whose prepaid balance' },
      { name: 'amount', type: 'uint256', means: 'µUSD', unit: 'micro' },
    ],
    payable: false,
    gas: 'default',
    checks: [[40, '0 < amount ≤ balance of token 1']],
    does: 'moves token 1 into a prepaid balance; the first deposit makes the account a client',
  },
  requestWithdraw: {
    args: [{ name: 'amount', type: 'uint256', means: 'µUSD', unit: 'micro' }],
    payable: false,
    gas: 'default',
    checks: [client, [40, '0 < amount ≤ prepaid − pending'], withdrawRoom],
    does: 'takes prepaid money out, paid at the end of epoch + 3',
  },
  setEpochCap: {
    args: [{ name: 'amount', type: 'uint256', means: 'µUSD', unit: 'micro' }],
    payable: false,
    gas: 'default',
    checks: [client, [40, 'a u64']],
    does: 'bounds what all nodes together are paid in an epoch; a lower cap counts from the next',
  },
  raiseMinNonce: {
    args: [{ name: 'minNonce', type: 'uint64', means: 'lowest nonce of delegations that count' }],
    payable: false,
    gas: 'default',
    checks: [client, [46, 'above what holds in the next epoch']],
    does: 'ends older delegations of session keys from the next epoch on',
  },
  setCollateral: {
    args: [{ name: 'amount', type: 'uint256', means: 'µUSD', unit: 'micro' }],
    payable: false,
    gas: 'default',
    checks: [client, [40, 'what is added ≤ balance of token 1'], withdrawRoom],
    does: 'sets what burns when the client cannot pay; less leaves through the queue',
  },
  reserve: {
    args: [
      nodeIndex,
      { name: 'perEpoch', type: 'uint256', means: 'µUSD an epoch', unit: 'micro' },
      { name: 'lastEpoch', type: 'uint64', means: 'last epoch in which it stands', unit: 'epoch' },
    ],
    payable: false,
    gas: 'default',
    checks: [
      [45, 'client and node exist'],
      [46, 'from the running epoch to below 2^32'],
      [40, 'all reserves ≤ prepaid'],
      [49, 'of at most 64 nodes'],
    ],
    does: 'sets money aside for one node, paid before others',
  },
  dispute: {
    args: [{ name: 'epoch', type: 'uint64', means: 'epoch of the claim', unit: 'epoch' }, nodeIndex, serviceId],
    payable: true,
    gas: 'default',
    checks: [
      [52, 'in the epoch after, or before 80 % of the one after that; the claim has Passed'],
      [45, 'the claim debits the sender for the service'],
      [40, 'value ≥ disputeBond'],
      [51, 'the first for it'],
    ],
    does: "demands that the sender's entry of a claim be opened; the value is the bond",
  },
  addService: {
    args: [manifest, priceMultiplePpm, payees],
    payable: true,
    gas: 'addService',
    checks: [[40, 'value = serviceBond'], terms],
    does: 'registers a service with the value as its bond, from the next epoch on',
  },
  updateService: {
    args: [serviceId, manifest, priceMultiplePpm, payees],
    payable: false,
    gas: 'default',
    checks: [[45, 'the service exists and is not removed'], ownService, terms],
    does: 'adds a version from the next epoch on',
  },
  removeService: {
    args: [serviceId],
    payable: false,
    gas: 'default',
    checks: [[45, 'the service exists'], ownService, [51, 'it is not removed']],
    does: 'removes a service; its id is never used again',
  },
  bridgeOut: {
    args: [
      { name: 'token', type: 'uint32', means: 'the token' },
      { name: 'to', type: 'bytes', means: 'where to, at most 64 bytes of the other side' },
      { name: 'amount', type: 'uint256', means: 'of the token', unit: 'micro' },
    ],
    payable: false,
    gas: 'default',
    checks: [
      [45, 'the token exists'],
      [46, 'at most 64 bytes'],
      [40, '0 < amount ≤ balance'],
    ],
    does: 'burns tokens here that the bridge releases there',
  },
  bridgeMint: {
    args: [
      { name: 'token', type: 'uint32', means: 'the token' },
      { name: 'sourceId', type: 'bytes32', means: 'names the deposit over there, good once for ever' },
      { name: 'to', type: 'address', means: 'who gets it' },
      { name: 'prepaid', type: 'bool', means: 'of token 1: straight into the prepaid balance' },
      { name: 'amount', type: 'uint256', means: 'of the token', unit: 'micro' },
      { name: 'signatures', type: 'bytes', means: 'r 32 · s 32 · v u8 each, of bridge keys in ascending order of account' },
    ],
    payable: false,
    gas: 'bridgeSignature',
    checks: [
      [45, 'the token exists'],
      [40, 'amount > 0'],
      [46, 'prepaid of token 1 only, the receiver no reserved address'],
      [51, 'the source id was never used'],
      [53, 'within the cap of the epoch'],
      [47, 'the supply stays a u64'],
      [42, 'signed by keys of the token, ascending, at least its threshold, and by nobody else'],
    ],
    does: "mints what the bridge's keys say has come; anybody may send it",
  },
  govern: {
    args: [
      { name: 'action', type: 'bytes', means: 'the encoded action' },
      { name: 'epoch', type: 'uint64', means: 'at whose start it is applied', unit: 'epoch' },
    ],
    payable: false,
    gas: 'default',
    checks: [
      [44, 'the sender is a governor'],
      [46, 'an action in its one form, within its bounds; epoch ≥ running + governDelayEpochs'],
      [49, 'a place is left among the 256 divided by governors'],
      [51, 'not approved by the sender before'],
    ],
    does: "approves an action; at the governors' threshold it is queued",
  },
}
