// Lode's bytes, written from docs/src/protocol (encodings, chain, puzzle, messages) and from
// nothing else: headers and their hashes, Merkle roots, tickets and work, and the messages between
// nodes.

import { blake2b } from '@noble/hashes/blake2.js'

export const HEADER_BYTES = 222
export const SEALED_BYTES = 422
/** Most bytes of a transaction with its signature. */
export const MAX_TRANSACTION_BYTES = 60 * 1024
export const SHARE_BYTES = 296

const ascii = text => new TextEncoder().encode(text)
export const hex = bytes => Buffer.from(bytes).toString('hex')
export const bytes = (...parts) => new Uint8Array(Buffer.concat(parts))

export function integer(value, size) {
  const out = new Uint8Array(size)
  for (let place = 0, rest = BigInt(value); place < size; place++, rest >>= 8n)
    out[place] = Number(rest & 255n)
  return out
}

/** Work alone is big-endian. */
const workBytes = value => integer(value, 32).reverse()

export function le(input) {
  return input.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
}

export function b256(domain, ...parts) {
  return blake2b(bytes(ascii(domain), ...parts), { dkLen: 32 })
}

/** Reads from the front, and throws at the end of the bytes. */
export class Reader {
  constructor(input) {
    this.left = input
  }

  take(size) {
    if (this.left.length < size)
      throw new Error(`expected ${size} bytes more, got ${this.left.length}`)
    const taken = this.left.subarray(0, size)
    this.left = this.left.subarray(size)
    return taken
  }

  number(size) {
    return Number(le(this.take(size)))
  }

  list(limit, item) {
    const count = this.number(4)
    if (count > limit) throw new Error(`expected ${limit} items at most, got ${count}`)
    return Array.from({ length: count }, item)
  }

  end() {
    if (this.left.length > 0) throw new Error(`${this.left.length} bytes too many`)
  }
}

// --- Blocks --------------------------------------------------------------------------------------

/** A header with its proof: what is announced, and what a response of headers holds. */
export function sealedHeader(input) {
  const reader = new Reader(input)
  const block = {
    bytes: input,
    header: input.subarray(0, HEADER_BYTES),
    version: reader.number(2),
    height: reader.number(4)
  }
  for (const name of ['parent', 'anchor']) block[name] = hex(reader.take(32))
  block.timestampMs = le(reader.take(8))
  for (const name of ['transactionsRoot', 'sharesRoot', 'stateRoot'])
    block[name] = hex(reader.take(32))
  block.producer = reader.take(32)
  block.target = le(reader.take(16))
  block.nonce = reader.take(8)
  block.commitment = reader.take(96)
  block.opening = reader.take(96)
  reader.end()
  if (block.version !== 1 || block.target === 0n)
    throw new Error('expected version 1 and a target above 0')
  block.hash = hex(b256('lode/block/v1', input))
  return block
}

export const work = target => (1n << 192n) / (target + 1n)

/** The challenge of a height's epoch; `hashAt` gives the hash of the block at a height. */
export function epochChallenge(height, epochLength, hashAt) {
  const first = height - (height % epochLength)
  return b256('lode/epoch/v1', Buffer.from(hashAt(Math.max(first - 1, 0)), 'hex'))
}

/** Whether the block half of the ticket meets the target. Says nothing about the points. */
export function meetsTarget(block, genesisHash, epochChallenge) {
  const content = b256('lode/content/v1', block.header)
  const statement = b256(
    'lode/puzzle/statement/v1',
    genesisHash,
    epochChallenge,
    Buffer.from(block.anchor, 'hex'),
    content,
    block.producer
  )
  const seed = b256('lode/puzzle/seed/v1', statement, block.nonce)
  const ticket = b256('lode/puzzle/ticket/v1', seed, block.commitment, block.opening)
  return le(ticket.subarray(0, 16)) <= block.target
}

/** By the tag of the kind: how many bytes its body has. */
const BODIES = new Map([[1, () => 32 + 8]])

/**
 * The bytes of a transaction with its signature. A kind that is not known has no length, so nothing
 * behind it can be read.
 */
function signedTransaction(reader) {
  const envelope = reader.take(1 + 32 + 8 + 8 + 4)
  const length = BODIES.get(envelope[0])
  if (!length) throw new Error(`transaction: no kind with tag ${envelope[0]} is known`)
  return Buffer.concat([envelope, reader.take(length() + 128)])
}

/** Whether bytes are one transaction with its signature, of a kind that is known. */
export function isSignedTransaction(data) {
  if (data.length > MAX_TRANSACTION_BYTES) return false
  try {
    const reader = new Reader(data)
    signedTransaction(reader)
    reader.end()
    return true
  } catch {
    return false
  }
}

export function body(reader) {
  const transactions = reader.list(2048, () => signedTransaction(reader))
  const shares = reader.list(2048, () => reader.take(SHARE_BYTES))
  return {
    transactions,
    shares,
    transactionsRoot: merkleRoot(transactions),
    sharesRoot: merkleRoot(shares)
  }
}

function merkleRoot(items) {
  let level = items.map(item => b256('lode/leaf/v1', item))
  while (level.length > 1) {
    const next = []
    for (let i = 0; i + 1 < level.length; i += 2)
      next.push(b256('lode/node/v1', level[i], level[i + 1]))
    if (level.length % 2 === 1) next.push(level.at(-1))
    level = next
  }
  return hex(b256('lode/root/v1', integer(items.length, 4), level[0] ?? new Uint8Array(32)))
}

// --- Messages between nodes ----------------------------------------------------------------------

export class Names {
  constructor(genesisHash) {
    this.prefix = `/lode/${hex(genesisHash).slice(0, 16)}`
  }

  /**
   * The protocol `status`, `headers`, `bodies` or `mempool`, or the topic `blocks`, `shares` or
   * `transactions`.
   */
  of(name) {
    return `${this.prefix}/${name}/1`
  }
}

export const gossipId = (name, data) => b256('lode/gossip/v1', ascii(name), data)

export const framed = message => bytes(integer(message.length, 4), message)

/** The message in a frame. */
export function unframed(input) {
  const reader = new Reader(input)
  const message = reader.take(reader.number(4))
  reader.end()
  return message
}

export const BUSY = new Uint8Array([0])
/** No shares, no transactions, and no more behind them. */
export const EMPTY_PAGE = new Uint8Array(9)
export const answer = message => bytes(new Uint8Array([1]), message)

export function encodeStatus(status) {
  const place = bytes(
    integer(1, 2),
    status.genesisHash,
    integer(status.height, 4),
    status.hash,
    workBytes(status.work)
  )
  return bytes(place, integer(Date.now(), 8))
}

function decodeStatus(reader) {
  return {
    version: reader.number(2),
    genesisHash: hex(reader.take(32)),
    height: reader.number(4),
    hash: hex(reader.take(32)),
    work: le(reader.take(32).toReversed()),
    nowMs: Number(le(reader.take(8)))
  }
}

export function headersRequest(locator, limit) {
  return bytes(integer(locator.length, 4), ...locator, integer(limit, 2))
}

export const bodiesRequest = hashes => bytes(integer(hashes.length, 4), ...hashes)
export const mempoolRequest = skip => integer(skip, 4)

function flag(reader) {
  const value = reader.number(1)
  if (value > 1) throw new Error(`expected 0 or 1, got ${value}`)
  return value === 1
}

const RESPONSES = {
  status: decodeStatus,
  headers: reader => reader.list(512, () => sealedHeader(reader.take(SEALED_BYTES))),
  bodies: reader => reader.list(16, () => (flag(reader) ? body(reader) : null)),
  mempool: reader => {
    const shares = reader.list(1024, () => reader.take(SHARE_BYTES))
    const transactions = reader.list(1024 - shares.length, () => signedTransaction(reader))
    return { shares, transactions, more: flag(reader) }
  }
}

/** The answer to a request of a kind, or null if the node has no time. */
export function decodeResponse(kind, input) {
  const reader = new Reader(input)
  const response = flag(reader) ? RESPONSES[kind](reader) : null
  reader.end()
  return response
}
