// An honest peer: follows a node's chain, and believes only what it has recomputed.
//
//     node honest.mjs MULTIADDR GENESIS_HASH EPOCH_LENGTH
//
// It prints a line of JSON when it has the node's chain, and one for each block that it hears of,
// until SIGINT.

import * as lode from './lode.mjs'
import { Peer, say, sleep } from './peer.mjs'

const [address, genesisHex, epochLengthText] = process.argv.slice(2)
const genesisHash = new Uint8Array(Buffer.from(genesisHex, 'hex'))
const epochLength = Number(epochLengthText)

// --- The chain, as far as hashes can tell --------------------------------------------------------

const chain = new Map([[genesisHex, { hash: genesisHex, height: 0, work: 0n, parent: null }]])
let tip = chain.get(genesisHex)

function ancestor(block, height) {
  while (block.height > height) block = chain.get(block.parent)
  return block
}

/** Checks a header against its parent and takes it in. */
function add(block) {
  const parent = chain.get(block.parent)
  if (parent === undefined) throw new Error(`${block.hash} hangs on nothing known`)
  if (block.height !== parent.height + 1)
    throw new Error(`${block.hash}: expected height ${parent.height + 1}, got ${block.height}`)
  const challenge = lode.epochChallenge(
    block.height,
    epochLength,
    height => ancestor(parent, height).hash
  )
  if (!lode.meetsTarget(block, genesisHash, challenge))
    throw new Error(`${block.hash}: its ticket misses its target`)
  block.work = parent.work + lode.work(block.target)
  chain.set(block.hash, block)
  if (block.work > tip.work) {
    tip = block
    peer.status = {
      genesisHash,
      height: tip.height,
      hash: Buffer.from(tip.hash, 'hex'),
      work: tip.work
    }
  }
}

/** Hashes from the tip down: ten one by one, then ever further apart. */
function locator() {
  const hashes = []
  for (let height = tip.height, step = 1; height > 0; height -= step) {
    hashes.push(Buffer.from(ancestor(tip, height).hash, 'hex'))
    if (hashes.length > 10) step *= 2
  }
  return [...hashes, genesisHash]
}

/** Reads headers until the node has no more. */
async function readHeaders(limit) {
  for (let count = 0; ;) {
    const headers = await peer.ask('headers', lode.headersRequest(locator(), limit))
    if (headers.length === 0) return count
    if (headers.length > limit)
      throw new Error(`expected ${limit} headers at most, got ${headers.length}`)
    headers.filter(block => !chain.has(block.hash)).forEach(add)
    count += headers.length
  }
}

/** Reads bodies, and holds them to their headers. A block that has lost to another one has none. */
async function readBodies(blocks) {
  const found = []
  for (let asked = blocks; asked.length > 0;) {
    const bodies = await peer.ask(
      'bodies',
      lode.bodiesRequest(asked.slice(0, 16).map(block => Buffer.from(block.hash, 'hex')))
    )
    if (bodies === null) {
      await sleep(50)
      continue
    }
    bodies.forEach((body, index) => {
      const { hash, transactionsRoot, sharesRoot } = asked[index]
      found.push(body)
      if (body === null) return
      if (body.transactionsRoot !== transactionsRoot || body.sharesRoot !== sharesRoot)
        throw new Error(`${hash}: its body is another one's`)
    })
    asked = asked.slice(bodies.length)
  }
  return found
}

// --- What is announced ---------------------------------------------------------------------------

let heard = Promise.resolve()
const counts = { shares: 0, transactions: 0, requests: 0, slowestMs: 0 }

async function announced(data) {
  const block = lode.sealedHeader(data)
  if (!chain.has(block.hash)) {
    if (!chain.has(block.parent)) await readHeaders(512)
    if (!chain.has(block.hash)) add(block)
  }
  const [body] = await readBodies([block])
  const id = lode.hex(lode.gossipId('blocks', data))
  say({
    event: 'block',
    height: block.height,
    hash: block.hash,
    gossip_id: id,
    shares: body?.shares.length
  })
}

async function judge(name, data) {
  if (name !== 'blocks') {
    if (name === 'shares' ? data.length !== lode.SHARE_BYTES : !lode.isSignedTransaction(data))
      return 'Reject'
    counts[name]++
    return 'Accept'
  }
  // One after the other, so that a block finds its parent.
  heard = heard.then(() => announced(data))
  await heard
  return 'Accept'
}

let stopping = false
function fail(error) {
  // What is under way breaks off at the end.
  if (stopping) return
  say({ event: 'failed', why: error.stack })
  process.exit(1)
}
process.on('unhandledRejection', fail)

const peer = await Peer.start({
  address,
  genesisHash,
  judge: (...message) =>
    judge(...message).catch(error => {
      fail(error)
      return 'Ignore'
    })
})
const identified = new Promise(resolve =>
  peer.libp2p.addEventListener('peer:identify', event => resolve(event.detail))
)
await peer.connect()
const { agentVersion, protocolVersion, protocols } = await identified
const pingMs = await peer.libp2p.services.ping.ping(peer.address)
const status = await peer.askStatus()
// Seven at a time, so that the locator has something to do.
const headers = await readHeaders(7)
const blocks = []
for (let block = tip; block.height > 0; block = chain.get(block.parent)) blocks.unshift(block)
const bodies = await readBodies(blocks)
const mempool = await peer.ask('mempool', lode.mempoolRequest(0))
say({
  event: 'synced',
  peer: peer.id,
  agent: agentVersion,
  protocol_version: protocolVersion,
  protocols,
  ping_ms: pingMs,
  status,
  headers,
  hashes: blocks.map(block => block.hash),
  work: tip.work,
  shares: bodies.reduce((sum, body) => sum + body.shares.length, 0),
  mempool_shares: mempool.shares.length
})

process.on('SIGINT', () => {
  stopping = true
})
while (!stopping) {
  const start = performance.now()
  if ((await peer.askStatus()) === null) throw new Error('the node is too busy for an honest peer')
  counts.requests++
  counts.slowestMs = Math.max(counts.slowestMs, Math.ceil(performance.now() - start))
  await sleep(250)
}
say({ event: 'end', asked: peer.asked, ...counts })
await peer.libp2p.stop().catch(() => {})
process.exit(0)
