internal import CLZ4

/// LZ4 blocks (lz4_Block_format.md): byte repeats only, no entropy coding, several GB/s back.
package enum LZ4 {
    /// How long to look for repeats.
    package enum Effort: Sendable {
        /// For files written while ingest waits for the processor.
        case fast
        /// For files written in the background: some 20 times slower, smaller, read equally fast.
        case high
    }

    /// No LZ4 block is more than 255 times smaller than what it stands for.
    static let ratioMax = 255

    /// The compressed bytes, or nil where they would save less than a 32nd: then reading the plain bytes
    /// is cheaper than what the space is worth.
    static func compress(_ bytes: [UInt8], effort: Effort) -> [UInt8]? {
        let limit = bytes.count - bytes.count / 32 - 1
        guard limit > 0, bytes.count <= Int(LZ4_MAX_INPUT_SIZE) else { return nil }
        let compressed = unsafe [UInt8](unsafeUninitializedCapacity: limit) { target, count in
            let written = unsafe bytes.withUnsafeBytes { source -> CInt in
                guard let from = source.baseAddress, let to = target.baseAddress else { return 0 }
                let input = unsafe from.assumingMemoryBound(to: CChar.self)
                let output = unsafe UnsafeMutableRawPointer(to).assumingMemoryBound(to: CChar.self)
                return switch effort {
                case .fast:
                    unsafe LZ4_compress_default(input, output, CInt(bytes.count), CInt(limit))
                case .high:
                    unsafe LZ4_compress_HC(
                        input,
                        output,
                        CInt(bytes.count),
                        CInt(limit),
                        CInt(LZ4HC_CLEVEL_DEFAULT)
                    )
                }
            }
            count = Int(max(0, written))
        }
        return compressed.isEmpty ? nil : compressed
    }

    /// Fills `target` exactly; false if `source` does not stand for exactly that many bytes. Never reads
    /// or writes beyond the two.
    static func decompress(
        _ source: UnsafeRawBufferPointer,
        into target: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard let from = source.baseAddress, let to = target.baseAddress,
            let sourceCount = CInt(exactly: source.count),
            let targetCount = CInt(exactly: target.count)
        else { return false }
        let input = unsafe from.assumingMemoryBound(to: CChar.self)
        let output = unsafe to.assumingMemoryBound(to: CChar.self)
        return unsafe LZ4_decompress_safe(input, output, sourceCount, targetCount) == targetCount
    }
}
