const HEADER_BYTES = 4
const COM_QUERY = 3
const ERROR_MARK = 0xff
const LONGEST_TEXT = 200

/** A packet of a client of MySQL's protocol. */
export interface ClientPacket {
  bytes: Buffer
  /** 0 for the packets of the handshake, 1 for the first command of the connection, and so on. */
  command: number
  /** The start of the statement, or an empty text for other packets. */
  statement: string
}

/** Divides the bytes of a client into packets. */
export class PacketReader {
  #rest = Buffer.alloc(0)
  #commands = 0

  read(chunk: Buffer): ClientPacket[] {
    this.#rest = Buffer.concat([this.#rest, chunk])
    const packets: ClientPacket[] = []
    while (this.#rest.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + this.#rest.readUIntLE(0, 3)
      if (this.#rest.length < end) break
      packets.push(this.#describe(this.#rest.subarray(0, end)))
      this.#rest = this.#rest.subarray(end)
    }
    return packets
  }

  /** A command restarts the sequence of packets, at 0. */
  #describe(bytes: Buffer): ClientPacket {
    if (bytes[3] !== 0) return { bytes, command: this.#commands, statement: '' }
    this.#commands++
    const isQuery = bytes[HEADER_BYTES] === COM_QUERY
    const statement = isQuery ? bytes.toString('utf8', HEADER_BYTES + 1).slice(0, LONGEST_TEXT) : ''
    return { bytes, command: this.#commands, statement }
  }
}

/** @returns the packet with which a server refuses a command */
export function errorPacket(errno: number, message: string): Buffer {
  const text = Buffer.from(`#HY000${message}`)
  const packet = Buffer.alloc(HEADER_BYTES + 3 + text.length)
  packet.writeUIntLE(3 + text.length, 0, 3)
  packet[3] = 1
  packet[HEADER_BYTES] = ERROR_MARK
  packet.writeUInt16LE(errno, HEADER_BYTES + 1)
  text.copy(packet, HEADER_BYTES + 3)
  return packet
}
