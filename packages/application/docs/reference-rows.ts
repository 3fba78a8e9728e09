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

/** Codes are those of `CODES`. */
export const ERRORS: readonly ReferenceRow[] = [
  ['InvalidChainId', 'kept', '3'],
  ['InvalidSignature', 'kept', '4'],
  ['InvalidNonce', 'replaced by', '5 and 6: too low and too high are different mistakes'],
  ['AlreadyExecutedDigest', 'replaced by', '5: the nonce says it, across epochs too'],
  ['AccountDoesNotExist', 'replaced by', '10: an account that nobody paid has nothing to pay with'],
  [
    'OnlyAccountOwner',
    'dropped because',
    'who may send what stands in the form of the transaction: nodes and members have forms of their own',
  ],
  ['OnlyNode', 'dropped because', 'as above'],
  ['OnlyGovernance', 'replaced by', '44 of govern'],
  ['NotNodeOwner', 'kept', '44'],
  ['NodeDoesNotExist', 'replaced by', '11 for a sender, 45 in a call (44 where only its owner may)'],
  ['NonExistingService', 'kept', '45'],
  ['InvalidServiceId', 'replaced by', '45'],
  ['InsufficientBalance', 'replaced by', '10 for value and fee, 40 for amounts of a call'],
  ['InsufficientStake', 'replaced by', '40'],
  ['NoLockedTokens', 'replaced by', '40: nothing is due'],
  ['TokensLocked', 'replaced by', '40: nothing is due yet'],
  ['LockedTokensUnstakeForbidden', 'kept', '48'],
  ['LockExceededMaxStakeLockTime', 'kept', '46'],
  ['InvalidProof', 'kept', '42'],
  ['InvalidConsensusKey', 'replaced by', '42: a key without the proof that it is held'],
  ['ConsensusKeyAlreadyIndexed', 'kept', '41'],
  ['InvalidInternetAddress', 'kept', '43'],
  ['InsufficientNodeDetails', 'replaced by', '32: a call has all its arguments in one form, or none'],
  ['MissingClientKey', 'dropped because', 'the ledger keeps no keys of sessions: a delegation is shown with the claim that it is for'],
  ['DuplicateClientKey', 'dropped because', 'as above'],
  ['InvalidClientKeyLength', 'dropped because', 'as above; a delegation has one layout'],
  [
    'InvalidStateFunction',
    'replaced by',
    '2 without a receiver and for a kind that is none, 32 for a selector of nothing, 33 where no contract is',
  ],
  ['Unimplemented', 'dropped because', 'nothing is: a test holds that every function and kind has its handler'],
  ['InvalidToken', 'replaced by', '33 for a token’s contract that is not there, 45 for a token in a call'],
  ['AlreadyMinted', 'kept', '51'],
  ['CantSendToYourself', 'dropped because', 'a transfer to oneself is legal, and costs its fee'],
  ['NodeNotParticipating', 'replaced by', '51'],
  ['AlreadySignaled', 'kept', '51'],
  ['EpochAlreadyChanged', 'replaced by', '46: a word about another epoch'],
  ['EpochHasNotStarted', 'replaced by', '52: an epoch is closed at its planned end or later'],
  ['NotCommitteeMember', 'replaced by', 'a refusal without a trace: a header’s author is a member, or there is no header'],
  ['CommitteeSelectionBeaconCommitPhaseNotActive', 'kept', '52'],
  ['CommitteeSelectionBeaconRevealPhaseNotActive', 'kept', '52'],
  [
    'CommitteeSelectionBeaconInvalidCommitPhaseTimeout',
    'dropped because',
    'phases are shares of the epoch in block time: nobody says when one is over',
  ],
  ['CommitteeSelectionBeaconInvalidRevealPhaseTimeout', 'dropped because', 'as above'],
  ['CommitteeSelectionBeaconAlreadyCommitted', 'kept', '51'],
  ['CommitteeSelectionBeaconAlreadyRevealed', 'kept', '51'],
  ['CommitteeSelectionBeaconNotCommitted', 'replaced by', '42'],
  ['CommitteeSelectionBeaconInvalidReveal', 'kept', '42'],
  ['CommitteeSelectionBeaconNodeNotActive', 'dropped because', 'only members of the committee speak to the beacon'],
  ['CommitteeSelectionBeaconNonRevealingNode', 'replaced by', 'no code: who withheld is slashed, and has no seat in the next epoch'],
  ['CommitteeSelectionBeaconNotInCommitPhase', 'dropped because', 'it was never returned'],
  ['CommitteeSelectionBeaconNotInRevealPhase', 'dropped because', 'it was never returned'],
  ['CommitteeSelectionBeaconRoundNotFound', 'dropped because', 'it was never returned'],
  ['MissingCommittee', 'dropped because', 'it was never returned'],
  ['TooManyMeasurements', 'replaced by', '1: what does not fit into 64 KiB is no transaction'],
  ['SubmittedTooManyTransactions', 'replaced by', '51: one report an epoch'],
  ['TooManyUpdates', 'replaced by', '1: at most 100 entries, ascending, each once'],
  ['TooManyUpdatesForContent', 'replaced by', '1: as above'],
  ['InvalidStateForContentRemoval', 'replaced by', '0: what is not there is not there afterwards either'],
  ['InvalidContentRemoval', 'replaced by', '0: as above'],
  ['ContentAlreadyRegistered', 'dropped because', 'it was never returned'],
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
  ['fields stand outside of what is signed', 'every byte of a signed transaction is signed'],
  ['a key that is not there is signed as one of zeros is', 'a key that is not there is none of zeros, and neither is anybody’s'],
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

/** Defects that are none of a ledger: [defect there, who has the test here that would find it]. */
export const DEFECTS_ELSEWHERE: readonly (readonly [defect: string, where: OtherRoom])[] = [
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
  [
    'a token of a session lives sixty times as long as it should',
    { room: 'packages/handshake', test: 'one that nobody comes back to in time is over, and its books are told' },
  ],
  [
    'a shared secret is compared as text is, and ends at the first byte that differs',
    { room: 'apps/node', test: 'the control door is closed to whoever has no token, a part of it, or one that is almost it' },
  ],
  [
    'whoever reaches an administrator’s port has any file stored',
    { room: 'apps/node', test: 'with the token it adds one file that is named, and knows no other request' },
  ],
  ['anybody fills a node’s disk', { room: 'packages/blockstore', test: 'the quota holds for blobs and for blocks' }],
  [
    'a move across file systems destroys the database',
    { room: 'packages/blockstore', test: 'what is renamed stays within the folder of its store, on one file system' },
  ],
  [
    'a failing gateway is not left for the next',
    { room: 'packages/origin-ipfs', test: 'that never answers is left when the first byte is due' },
  ],
  [
    'an origin has a second for all that it sends, and then nobody is asked',
    { room: 'packages/origin-ipfs', test: 'that stalls in the middle is left, and the next goes on from there' },
  ],
  [
    'an origin may send any number of bytes',
    { room: 'packages/origin-ipfs', test: 'may not send a wrong, an oversized or an unnamed block' },
  ],
  ['an origin is reached at any address, the machine’s own too', { room: 'packages/origin-ipfs', test: 'to %s are refused with %s' }],
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
    { room: 'packages/crypto', test: 'a new key file is nobody else’s before its rights are set' },
  ],
]
