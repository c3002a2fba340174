internal import MeterWaldur

/// A server's answer: the bytes as they came, and what they say.
struct Answer {
    let bytes: [UInt8]
    let json: JSONValue

    var text: String { String(decoding: bytes, as: UTF8.self) }
}
