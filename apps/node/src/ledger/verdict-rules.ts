/** What a signature worker knows: how the state machine judges a transaction. A module to be loaded by threads. */
export { judgeTransaction } from '@selvedge/application/verdict'
