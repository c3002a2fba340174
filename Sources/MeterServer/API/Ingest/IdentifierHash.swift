/// SipHash-2-4 with 128 bits of output (J.-P. Aumasson, D. J. Bernstein): a keyed hash that nobody
/// without the key can aim at a collision, at a few bytes a nanosecond.
struct IdentifierHash: Sendable {
    static let keyByteCount = 16

    private let key: (UInt64, UInt64)

    /// Takes 16 secret bytes, which must stay the same as long as hashes are compared; nil for another
    /// number.
    init?(key: [UInt8]) {
        guard key.count == Self.keyByteCount else { return nil }
        self.key = (Self.word(key, at: 0), Self.word(key, at: 8))
    }

    /// The hash of `bytes`; `high` is the first eight bytes of the published form, little-endian.
    func hash(_ bytes: [UInt8]) -> (high: UInt64, low: UInt64) {
        var state = State(key: key)
        let whole = bytes.count & ~7
        for offset in stride(from: 0, to: whole, by: 8) {
            state.add(Self.word(bytes, at: offset))
        }
        var last = UInt64(truncatingIfNeeded: bytes.count) << 56
        for offset in whole..<bytes.count {
            last |= UInt64(bytes[offset]) << UInt64(8 * (offset - whole))
        }
        state.add(last)
        return state.finish()
    }

    private static func word(_ bytes: [UInt8], at offset: Int) -> UInt64 {
        var word: UInt64 = 0
        for index in 0..<8 { word |= UInt64(bytes[offset + index]) << UInt64(8 * index) }
        return word
    }

    private struct State {
        var v0: UInt64
        var v1: UInt64
        var v2: UInt64
        var v3: UInt64

        init(key: (UInt64, UInt64)) {
            v0 = 0x736f_6d65_7073_6575 ^ key.0
            v1 = 0x646f_7261_6e64_6f6d ^ key.1 ^ 0xEE
            v2 = 0x6c79_6765_6e65_7261 ^ key.0
            v3 = 0x7465_6462_7974_6573 ^ key.1
        }

        mutating func add(_ word: UInt64) {
            v3 ^= word
            round()
            round()
            v0 ^= word
        }

        mutating func finish() -> (high: UInt64, low: UInt64) {
            v2 ^= 0xEE
            for _ in 0..<4 { round() }
            let high = v0 ^ v1 ^ v2 ^ v3
            v1 ^= 0xDD
            for _ in 0..<4 { round() }
            return (high, v0 ^ v1 ^ v2 ^ v3)
        }

        private mutating func round() {
            v0 &+= v1
            v1 = (v1 << 13 | v1 >> 51) ^ v0
            v0 = v0 << 32 | v0 >> 32
            v2 &+= v3
            v3 = (v3 << 16 | v3 >> 48) ^ v2
            v0 &+= v3
            v3 = (v3 << 21 | v3 >> 43) ^ v0
            v2 &+= v1
            v1 = (v1 << 17 | v1 >> 47) ^ v2
            v2 = v2 << 32 | v2 >> 32
        }
    }
}
