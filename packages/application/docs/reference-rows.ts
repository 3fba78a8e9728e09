/** What the network that this ledger takes the place of has, and what became of each here: rows of the page of transactions. */

/** [what it is there, `kept`, `replaced by` or `dropped because`, what is here]. */
export type ReferenceRow = readonly [there: string, fate: 'kept' | 'replaced by' | 'dropped because', here: string]

export const METHODS: readonly ReferenceRow[] = [
  [
    'SubmitDeliveryAcknowledgmentAggregation',
    'replaced by',
    'claimCommit, claimDebits, claimAnswer: what clients signed is sampled and settled, not taken at its word',
  ],
  ['Withdraw', 'replaced by', 'bridgeOut, which burns what leaves and numbers it'],
  ['ClearWithdraws', 'dropped because', 'an exit is an event, not a row; nothing needs clearing'],
  ['Mint', 'replaced by', 'bridgeMint: a threshold of the token’s own keys, a cap an epoch'],
  ['ClearMints', 'dropped because', 'a source id is good once for ever; forgetting one would open it again'],
  ['Deposit', 'replaced by', 'deposit (of a token that is held) and bridgeMint (of one that comes)'],
  ['Transfer', 'kept', 'value to an address, and `transfer` of each token’s contract'],
  ['Stake', 'replaced by', 'registerNode (keys proven, a least stake) and stake (money only)'],
  ['StakeLock', 'kept', 'lock, until a named epoch'],
  ['Unstake', 'kept', 'unstake, into a queue of entries that are due one by one'],
  ['WithdrawUnstaked', 'kept', 'claimUnbonded(to)'],
  ['OptIn', 'kept', 'optIn, by the owner or the node (kind 1)'],
  ['OptOut', 'kept', 'optOut, by the owner or the node (kind 2)'],
  ['ChangeEpoch', 'replaced by', 'ReadyToClose, a system transaction after the planned end in block time'],
  ['CommitteeSelectionBeaconCommit', 'kept', 'BeaconCommit, a system transaction'],
  ['CommitteeSelectionBeaconReveal', 'kept', 'BeaconReveal, a system transaction'],
  ['CommitteeSelectionBeaconCommitPhaseTimeout', 'dropped because', 'phases are shares of the epoch in block time; nobody votes on them'],
  [
    'CommitteeSelectionBeaconRevealPhaseTimeout',
    'dropped because',
    'the beacon is drawn from what was revealed at 30 %; there is no second round to force',
  ],
  ['AddService', 'kept', 'addService, with a bond and payees'],
  ['RemoveService', 'kept', 'removeService, by owner or governors; its last epochs are settled first'],
  ['Slash', 'replaced by', 'evidence that anybody brings (kind 0x31, system 1), and what the clock finds'],
  ['SubmitReputationMeasurements', 'replaced by', 'reportCommit and reportReveal, of assigned targets only'],
  ['ChangeProtocolParam', 'replaced by', 'govern: a threshold, a delay, bounds that are checked twice'],
  ['UpdateContentRegistry', 'kept', 'contentUpdate (kind 0x30), one row a root and node'],
  ['ApproveClientKey', 'replaced by', 'delegations of session keys, which never reach the ledger but inside an opened claim'],
  ['RevokeClientKey', 'replaced by', 'raiseMinNonce: all older delegations end with the epoch'],
  [
    'AddJobs, RemoveJobs, JobUpdates',
    'dropped because',
    'schedules are a service’s business; a ledger that anybody fills with them stops for everybody',
  ],
  ['IncrementNonce', 'dropped because', 'a transfer of nothing to oneself does it'],
]

export const PARAMETERS_THERE: readonly ReferenceRow[] = [
  ['EpochTime', 'kept', 'epochMs'],
  ['EpochsPerYear', 'replaced by', 'a year divided by epochMs: two numbers that could disagree are one'],
  ['CommitteeSize', 'kept', 'committeeSize'],
  ['NodeCount', 'kept', 'candidateCount'],
  ['MinimumNodeStake', 'kept', 'minStake'],
  ['EligibilityTime', 'dropped because', 'it was never enforced; candidates are those of the running epoch’s view'],
  ['LockTime', 'kept', 'unbondEpochs'],
  ['ProtocolShare', 'kept', 'protocolPpm'],
  ['NodeShare', 'replaced by', 'what burnPpm, servicePpm and protocolPpm leave'],
  ['ServiceBuilderShare', 'kept', 'servicePpm'],
  ['MaxInflation', 'kept', 'maxInflationPpm'],
  ['MaxBoost', 'kept', 'boostMaxPpm, whose product with emissionPpm is bounded'],
  ['MaxStakeLockTime', 'kept', 'maxLockEpochs'],
  ['MinNumMeasurements', 'dropped because', 'how scores are made of reports is a rule of the protocol version'],
  ['SGXSharedPubKey', 'dropped because', 'no part of this network trusts an enclave'],
  ['ReputationPingTimeout', 'dropped because', 'what is measured is a rule of the protocol version'],
  ['TopologyTargetK', 'dropped because', 'links are a function of the view; its constants are the protocol version’s'],
  ['TopologyMinNodes', 'dropped because', 'as above'],
  ['CommitteeSelectionBeaconCommitPhaseDuration', 'replaced by', 'the first 20 % of an epoch'],
  ['CommitteeSelectionBeaconRevealPhaseDuration', 'replaced by', '20 to 30 % of an epoch'],
  ['CommitteeSelectionBeaconNonRevealSlashAmount', 'replaced by', '10 % of minStake a commit without its reveal'],
  ['TotalTimeIntervals', 'dropped because', 'intervals of measuring are a rule of the protocol version'],
]

/** [error there, what answers here]; one row stands for errors that have one answer. */
export const ERRORS: readonly (readonly [there: string, here: string])[] = [
  ['InvalidChainId', '3'],
  ['InvalidSignature', '4'],
  ['InvalidNonce', '5, 6: too low and too high are different mistakes'],
  ['AlreadyExecutedDigest', '5: the nonce says it, across epochs too'],
  [
    'AccountDoesNotExist, OnlyAccountOwner, OnlyNode, OnlyGovernance, NotNodeOwner',
    '11 for a node that is not there, 44 for who may not; who can send what stands in the form of the transaction',
  ],
  ['NodeDoesNotExist, NonExistingService, InvalidServiceId, MissingClientKey', '45'],
  ['InsufficientBalance, InsufficientStake, NoLockedTokens', '10 for value and fee, 40 for amounts of a call'],
  ['InvalidProof, InvalidConsensusKey, CommitteeSelectionBeaconInvalidReveal', '42'],
  ['InvalidInternetAddress', '43'],
  ['InsufficientNodeDetails, InvalidClientKeyLength', '32: a call has all its arguments in one form, or none'],
  ['ConsensusKeyAlreadyIndexed', '41'],
  ['InvalidStateFunction', '2 without a receiver, 33 where no contract is'],
  ['InvalidToken', '33 for a token’s contract that is not there, 45 for a token in a call'],
  ['LockExceededMaxStakeLockTime', '46'],
  ['LockedTokensUnstakeForbidden', '48'],
  ['TokensLocked', '40: nothing is due yet'],
  ['NodeNotParticipating, CommitteeSelectionBeaconNodeNotActive, AlreadySignaled, DuplicateClientKey', '51'],
  ['EpochAlreadyChanged', '46: a word about another epoch'],
  [
    'EpochHasNotStarted, CommitteeSelectionBeaconCommitPhaseNotActive, CommitteeSelectionBeaconRevealPhaseNotActive, CommitteeSelectionBeaconInvalidCommitPhaseTimeout, CommitteeSelectionBeaconInvalidRevealPhaseTimeout',
    '52',
  ],
  ['CommitteeSelectionBeaconAlreadyCommitted, CommitteeSelectionBeaconAlreadyRevealed', '51'],
  ['CommitteeSelectionBeaconNotCommitted', '42'],
  ['CommitteeSelectionBeaconNonRevealingNode', 'no code: who withheld has no seat in the next epoch'],
  ['NotCommitteeMember', 'refused without a trace: a header’s author is a member, or there is no header'],
  ['TooManyMeasurements', '1: what does not fit into 64 KiB is no transaction'],
  ['SubmittedTooManyTransactions', '51: one report an epoch'],
  ['TooManyUpdates, TooManyUpdatesForContent', '46: at most 100 entries, ascending, each once'],
  ['InvalidStateForContentRemoval, InvalidContentRemoval', '0: what is not there is not there afterwards either'],
  ['AlreadyMinted', '51'],
  ['CantSendToYourself', '0: a transfer to oneself is legal, and costs its fee'],
  ['Unimplemented', 'nothing is: a test holds that every function and kind has its handler'],
  [
    'CommitteeSelectionBeaconNotInCommitPhase, CommitteeSelectionBeaconNotInRevealPhase, CommitteeSelectionBeaconRoundNotFound, MissingCommittee, ContentAlreadyRegistered',
    'none: they were never returned',
  ],
]

/** [defect there, the test here that would find it]. */
export const DEFECTS: readonly (readonly [defect: string, test: string])[] = [
  ['a lock that lapsed long ago makes the next one shorter', 'a lock is until an epoch, whatever was locked before'],
  ['opting in counts stake that is on its way out', 'stake on its way out does not make a node Active'],
  ['unstaked money goes to the owner, whatever receiver was named', 'unbonded money goes to whom the call names'],
  ['two accounts that hold the same are taken for one, and cannot pay each other', 'two accounts with equal contents are two accounts'],
  ['a deposit lands in another balance than was paid', 'a deposit is what was paid, where it was paid to'],
  ['a transfer of a token moves the native one', 'a transfer of a token moves that token'],
  ['clearing mints opens an old one again', 'what the keys of a bridge say has come is minted, once for ever, by whoever sends it'],
  ['a withdrawal leaves the total supply as it was', 'leaving over the bridge burns and is numbered'],
  ['anybody may change another’s node by staking on it', 'who stakes on another’s node changes its stake and nothing else'],
  ['a node needs no stake and proves no key', 'a node is registered with a least stake and keys that it holds'],
  ['a later unstake locks an earlier one again', 'each unstaking is due by itself'],
  ['paying a removed service ends the process', 'a removed service is out of the next view, is settled, and its bond comes back'],
  ['with nothing to share out it divides by zero', 'an epoch in which nobody earned anything ends like any other'],
  ['a stopped network runs through all the epochs that it missed', 'after a long stop one epoch ends, not all that were missed'],
  ['a parameter of the wrong kind ends the process later', 'no value of any parameter that governors can pass stops the ledger'],
  [
    'no transaction, legacy transactions without a chain and huge nonces end the process',
    'what is no transaction is refused without a trace',
  ],
  ['fields outside of what is signed, absent keys that hash like zero ones', 'every byte of a signed transaction is signed'],
  ['anybody schedules jobs, with a period of zero', 'there are no functions but those of the table'],
  ['an executed digest is forgotten at the epoch’s end', 'a transaction is good once, in whichever epoch it comes again'],
  ['block time is read from the wall', 'time in execution is the block’s and nothing else'],
  ['the state root is the one before the block', 'the root that is signed is that of the state after the block'],
  ['the next nonce is one too high', 'the first nonce of an account is 0'],
  ['an event for services is defined and never emitted', 'whatever happens to a service is told, with its version'],
  ['assigning work when there is no node ends the process', 'with no node left that could order, epochs end and the committee stays'],
  ['what nodes claim for deliveries reaches no ledger', 'a claim is committed, challenged, answered and settled by transactions alone'],
]

interface OtherRoom {
  /** A package or an application. */
  readonly room: string
  /** There. */
  readonly test: string
}

/** Defects that are none of a ledger: [defect there, who has the test here that would find it, or why it cannot be]. */
export const DEFECTS_ELSEWHERE: readonly (readonly [defect: string, where: OtherRoom | string])[] = [
  [
    'any session is taken over by guessing its counter',
    { room: 'packages/handshake', test: 'replayed on another channel gets 3, at another node or on another chain 6' },
  ],
  [
    'codes of an ended session are read as unknown',
    { room: 'packages/handshake', test: 'what the node refuses comes with its code and reason' },
  ],
  [
    'a handshake has no deadline',
    { room: 'packages/handshake', test: 'half-open, silent and slow connections are dropped when their time is over' },
  ],
  [
    'a length of four bytes reserves as much memory as it says',
    {
      room: 'packages/handshake',
      test: 'exactly the headers of the table are taken, every type, flags, lane and length around the bounds',
    },
  ],
  [
    'one browser session for each address, and none without a helper’s answer',
    {
      room: 'packages/handshake',
      test: 'one address has so many connections at once and no more, and another one when one of them has ended',
    },
  ],
  ['a token of a session lives sixty times as long as it should', 'sessions are not resumed yet: no token opens anything'],
  ['a secret is compared byte by byte', 'no administrator is known by a shared secret; signatures are checked'],
  ['an administrator’s door stores any file', 'there is no such door: content comes through the blockstore'],
  ['anybody fills a node’s disk', { room: 'packages/blockstore', test: 'the quota holds for blobs and for blocks' }],
  ['a move across file systems destroys the database', 'nothing is moved: a store writes its files in its own folder'],
  [
    'a failing gateway is not left for the next',
    { room: 'packages/origin-ipfs', test: 'that never answers is left when the first byte is due' },
  ],
  [
    'an origin has a second, any size, and any address, the machine’s own too',
    { room: 'packages/origin-ipfs', test: 'may not send a wrong, an oversized or an unnamed block' },
  ],
  [
    'a word from a stranger about who has what ends the process',
    { room: 'packages/content', test: 'random bytes throw ContentError and nothing else' },
  ],
  [
    'the answer about health is always the same',
    {
      room: 'apps/node',
      test: 'with a seat and without one a node says what it is; standing still it is ill, and well again when blocks come',
    },
  ],
  [
    'a key can be read by others before its rights are set',
    { room: 'apps/node', test: 'a folder goes from an origin through a node to a client, verified' },
  ],
]
