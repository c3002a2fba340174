internal import CMeter

/// CRC-32C (Castagnoli, RFC 3720 §B.4): finds damage, keeps nobody out.
package enum Checksum {
    /// The checksum of `bytes`, continuing from that of the bytes before them.
    package static func crc32c(
        _ bytes: UnsafeRawBufferPointer,
        continuing checksum: UInt32 = 0
    ) -> UInt32 {
        guard let base = bytes.baseAddress else { return checksum }
        return unsafe meter_crc32c(checksum, base, bytes.count)
    }

    /// The checksum of an array's bytes.
    package static func crc32c(_ bytes: [UInt8], continuing checksum: UInt32 = 0) -> UInt32 {
        unsafe bytes.withUnsafeBytes { unsafe crc32c($0, continuing: checksum) }
    }
}
