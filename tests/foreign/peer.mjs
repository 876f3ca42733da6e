// One peer on js-libp2p, as others would write it: TCP, Noise, Yamux, identify, ping, gossipsub,
// and Lode's requests.

import { gossipsub, TopicValidatorResult } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import * as lode from './lode.mjs'

const TOPICS = ['blocks', 'shares', 'transactions']
/** No answer is longer: 16 bodies, of 4 MiB together. */
const MAX_ANSWER = 5 << 20
const PATIENCE_MS = 20_000

export const within = ms => ({ signal: AbortSignal.timeout(ms) })
export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
export const say = event =>
  process.stdout.write(
    JSON.stringify(event, (_, value) => (typeof value === 'bigint' ? `${value}` : value)) + '\n'
  )

export async function waitFor(what, holds, ms = PATIENCE_MS) {
  for (const end = Date.now() + ms; !(await holds()); await sleep(10)) {
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`)
  }
}

export class Peer {
  constructor(libp2p, address, genesisHash) {
    this.libp2p = libp2p
    this.address = multiaddr(address)
    this.genesisHash = genesisHash
    this.names = new lode.Names(genesisHash)
    this.status = { genesisHash, height: 0, hash: genesisHash, work: 0n }
    this.asked = { status: 0, headers: 0, bodies: 0, mempool: 0 }
  }

  /** `judge` gives a verdict on each message: (topic's name, data) → accept, reject or ignore. */
  static async start({ address, genesisHash, judge }) {
    const names = new lode.Names(genesisHash)
    const topics = new Map(TOPICS.map(name => [names.of(name), name]))
    const libp2p = await createLibp2p({
      nodeInfo: { name: 'lode-foreign', version: '1', userAgent: 'lode-foreign/1' },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: {
        identify: identify(),
        ping: ping(),
        pubsub: gossipsub({
          globalSignaturePolicy: 'StrictNoSign',
          msgIdFn: message => lode.gossipId(topics.get(message.topic), message.data),
          allowedTopics: [...topics.keys()],
          floodPublish: true
        })
      }
    })
    const peer = new Peer(libp2p, address, genesisHash)
    for (const [topic, name] of topics) {
      libp2p.services.pubsub.topicValidators.set(
        topic,
        async (_, { data }) => TopicValidatorResult[await judge(name, data)]
      )
      libp2p.services.pubsub.subscribe(topic)
    }
    for (const kind of Object.keys(peer.asked)) {
      await libp2p.handle(names.of(kind), stream =>
        peer.serve(kind, stream).catch(error => stream.abort(error))
      )
    }
    return peer
  }

  get id() {
    return this.libp2p.peerId.toString()
  }

  get pubsub() {
    return this.libp2p.services.pubsub
  }

  /**
   * What the node is told: this peer's status, that nothing waits here, and that there is no time
   * for anything else.
   */
  answer(kind) {
    if (kind === 'status') return lode.framed(lode.answer(lode.encodeStatus(this.status)))
    return lode.framed(kind === 'mempool' ? lode.answer(lode.EMPTY_PAGE) : lode.BUSY)
  }

  async serve(kind, stream) {
    await read(stream)
    this.asked[kind]++
    stream.send(await this.answer(kind, stream))
    await stream.close()
  }

  async connect() {
    this.connection = await this.libp2p.dial(this.address, within(PATIENCE_MS))
  }

  get isConnected() {
    return this.connection?.status === 'open'
  }

  /** Sends bytes on a stream of its own, and gives all that comes back. */
  async exchange(protocol, input, ms = PATIENCE_MS) {
    const stream = await this.connection.newStream(protocol, within(ms))
    try {
      stream.send(input)
      await stream.close(within(ms))
      return await read(stream, ms)
    } finally {
      stream.abort(new Error('done'))
    }
  }

  /** The answer to a request, or null if the node has no time. */
  async ask(kind, request) {
    return lode.decodeResponse(
      kind,
      lode.unframed(await this.exchange(this.names.of(kind), lode.framed(request)))
    )
  }

  async askStatus() {
    return this.ask('status', lode.encodeStatus(this.status))
  }

  /** Sends a message to the node whatever it holds: no check of ours stands in the way. */
  async publish(name, data) {
    const topic = this.names.of(name)
    const node = this.connection.remotePeer.toString()
    await waitFor(
      'gossip with the node',
      () => this.pubsub.streamsOutbound.has(node) && this.pubsub.getSubscribers(topic).length > 0
    )
    await this.pubsub.publish(topic, data)
  }
}

/** All that comes on a stream until its end. */
async function read(stream, ms = PATIENCE_MS) {
  const timer = setTimeout(() => stream.abort(new Error(`nothing for ${ms} ms`)), ms)
  try {
    const chunks = []
    let size = 0
    for await (const chunk of stream) {
      chunks.push(chunk.subarray())
      size += chunk.length ?? chunk.byteLength
      if (size > MAX_ANSWER) throw new Error(`expected ${MAX_ANSWER} bytes at most`)
    }
    return lode.bytes(...chunks)
  } finally {
    clearTimeout(timer)
  }
}
