// Peers that mean ill, each with an identity of its own, and each offence as often as the node
// stands it.
//
//     node garbage.mjs MULTIADDR GENESIS_HASH EPOCH_LENGTH API_URL
//
// It prints a line of JSON for each: how often it was done, how often the node ended the connection
// over it, and whether it takes the peer back.

import net from 'node:net'
import { randomBytes } from 'node:crypto'
import * as lode from './lode.mjs'
import { Peer, say, sleep, waitFor, within } from './peer.mjs'

const [address, genesisHex, epochLength, api] = process.argv.slice(2)
const genesisHash = new Uint8Array(Buffer.from(genesisHex, 'hex'))
const [, , host, , port] = address.split('/')

/** Nothing follows from it; points; the connection's end, and maybe points. */
const [FREE, CHARGED, CLOSED] = ['free', 'charged', 'closed']
const MOST = 6

const noise = size => new Uint8Array(randomBytes(size))
const names = new lode.Names(genesisHash)

/** Connects, and says whether the node talks with this peer. */
async function isServed(peer) {
  try {
    if (!peer.isConnected) await peer.connect()
    return (await peer.askStatus()) !== null
  } catch {
    return false
  }
}

/** What the node charges a peer with, by its API. */
async function points(peer) {
  const { peers } = await (await fetch(`${api}/peers`)).json()
  return peers.find(other => other.peer_id === peer.id)?.penalty_points ?? 0
}

/** An offence, again and again until the node will have no more of this peer, or `MOST` times. */
async function offend(name, effect, commit, prepare = () => {}) {
  const peer = await Peer.start({ address, genesisHash, judge: async () => 'Ignore' })
  prepare(peer)
  let [done, closed] = [0, 0]
  while (done < MOST && (await isServed(peer))) {
    const before = await points(peer)
    await commit(peer)
    done++
    if (effect === FREE) await sleep(200)
    else
      await waitFor(
        `what follows from: ${name}`,
        async () => !peer.isConnected || (effect === CHARGED && (await points(peer)) > before)
      )
    if (!peer.isConnected) closed++
  }
  say({ event: 'offence', name, peer: peer.id, done, closed, served: await isServed(peer) })
  await peer.libp2p.stop()
}

/** Sends bytes as a request, and looks for no answer. */
const request = (kind, input) => peer => peer.exchange(names.of(kind), input, 1_000).catch(() => {})

/** A protocol that the node does not speak: negotiation itself must say no. */
const refused = protocol => async peer => {
  const stream = await peer.connection.newStream(protocol, within(5_000)).catch(() => null)
  if (stream !== null) throw new Error(`the node speaks ${protocol}`)
}

/**
 * The header of the node's tip with another proof. Its points are good ones, of another block, but
 * do not fit the attempt.
 */
async function forged(peer, meets) {
  // There are times when every ticket meets the target, and a tip is not one for long.
  for (; ; await sleep(20)) {
    const headers = await peer.ask('headers', lode.headersRequest([genesisHash], 512))
    const [tip, other] = [headers.at(-1), headers.at(-5)]
    const hashAt = height => (height === 0 ? genesisHex : headers[height - 1].hash)
    const challenge = lode.epochChallenge(tip.height, Number(epochLength), hashAt)
    for (let attempt = 0; attempt < 500; attempt++) {
      const block = lode.sealedHeader(
        lode.bytes(tip.header, noise(8), other.commitment, other.opening)
      )
      if (lode.meetsTarget(block, genesisHash, challenge) === meets) return block.bytes
    }
  }
}

const publish = (name, data) => peer => peer.publish(name, data())
const whole = lode.framed(lode.headersRequest([genesisHash], 1))

/** Answers one question of the node with noise, when it is time for the offence. */
const brokenAnswer = {
  prepare: peer => {
    peer.answer = async (_, stream) => {
      await waitFor('its turn', () => peer.isTurn || stream.status !== 'open')
      if (stream.status !== 'open') throw new Error('the node waits no longer')
      peer.isTurn = false
      return lode.framed(noise(99))
    }
  },
  commit: async peer => {
    peer.isTurn = true
  }
}

const OFFENCES = [
  // What a peer of another kind, or one that crashes, may do as well.
  ['unknown protocol', FREE, refused('/lode/nonsense/1')],
  ['protocol of another network', FREE, refused('/lode/0000000000000000/headers/1')],
  ['truncated request', FREE, request('headers', whole.subarray(0, 20))],
  ['empty stream', FREE, request('bodies', new Uint8Array())],
  [
    'silent streams',
    FREE,
    async peer => {
      for (let i = 0; i < 4; i++)
        await peer.connection.newStream(names.of('headers'), within(5_000))
    }
  ],
  [
    'status of another network',
    CLOSED,
    peer =>
      request(
        'status',
        lode.framed(lode.encodeStatus({ ...peer.status, genesisHash: noise(32) }))
      )(peer)
  ],
  // What no honest peer does by mistake.
  ['over-long length', CLOSED, request('headers', lode.integer(0xffffffff, 4))],
  ['broken frame', CLOSED, request('headers', lode.framed(noise(100)))],
  [
    'no headers asked for',
    CLOSED,
    request('headers', lode.framed(lode.headersRequest([genesisHash], 0)))
  ],
  [
    'bytes behind a request',
    CLOSED,
    request('bodies', lode.framed(lode.bytes(lode.bodiesRequest([genesisHash]), noise(1))))
  ],
  ['broken answer', CLOSED, brokenAnswer.commit, brokenAnswer.prepare],
  ['gossip over its size', CLOSED, publish('shares', () => noise(lode.SHARE_BYTES + 1))],
  ['gossip that does not decode', CLOSED, publish('blocks', () => noise(lode.SEALED_BYTES))],
  [
    'block whose ticket misses',
    CHARGED,
    async peer => peer.publish('blocks', await forged(peer, false))
  ],
  [
    'block whose proof is wrong',
    CHARGED,
    async peer => peer.publish('blocks', await forged(peer, true))
  ]
]

/** Connections that say nothing, or half of a greeting, or noise behind it. */
function flood(count) {
  return Array.from({ length: count }, (_, index) => {
    const socket = net.connect(Number(port), host)
    socket.on('error', () => {})
    if (index % 3 === 1) socket.write('\x13/multistream/1.0.0\n')
    if (index % 3 === 2)
      socket.write(lode.bytes(Buffer.from('\x13/multistream/1.0.0\n\x07/noise\n'), noise(10_000)))
    return socket
  })
}

await Promise.all(OFFENCES.map(offence => offend(...offence)))
const sockets = flood(200)
say({ event: 'flood', sockets: sockets.length })
await sleep(2_000)
sockets.forEach(socket => socket.destroy())
say({ event: 'end' })
process.exit(0)
