internal import CZlib

/// Bodies that were sent with `Content-Encoding: gzip` (RFC 1952), through the system's zlib.
enum Gzip {
    enum Failure: Error {
        /// Not one whole gzip stream, or its checksum is another.
        case damaged
        /// There are more bytes in it than may be.
        case tooLarge
    }

    private static let chunkByteCount = 1 << 16

    /// The bytes that a stream stands for.
    ///
    /// - Parameter limit: So many are made at most, whatever the stream says of itself.
    static func inflate(_ bytes: [UInt8], upTo limit: Int) throws(Failure) -> [UInt8] {
        var input = bytes
        let output = unsafe input.withUnsafeMutableBufferPointer { buffer in
            unsafe inflated(buffer, upTo: limit)
        }
        return try output.get()
    }

    private static func inflated(
        _ input: UnsafeMutableBufferPointer<UInt8>,
        upTo limit: Int
    ) -> Result<[UInt8], Failure> {
        // 16 for gzip alone, neither zlib's own header nor none.
        let windowBits = 16 + MAX_WBITS
        var stream = unsafe z_stream()
        guard let inputCount = UInt32(exactly: input.count),
            unsafe inflateInit2_(
                &stream,
                windowBits,
                ZLIB_VERSION,
                CInt(MemoryLayout<z_stream>.size)
            ) == Z_OK
        else { return .failure(.damaged) }
        defer { unsafe inflateEnd(&stream) }
        unsafe stream.next_in = input.baseAddress
        unsafe stream.avail_in = inputCount
        var output: [UInt8] = []
        while true {
            var status = Z_OK
            let chunk = unsafe [UInt8](unsafeUninitializedCapacity: chunkByteCount) { room, count in
                unsafe stream.next_out = room.baseAddress
                unsafe stream.avail_out = UInt32(chunkByteCount)
                status = unsafe CZlib.inflate(&stream, Z_NO_FLUSH)
                count = unsafe chunkByteCount - Int(stream.avail_out)
            }
            output += chunk
            if output.count > limit { return .failure(.tooLarge) }
            if status == Z_STREAM_END {
                return unsafe stream.avail_in == 0 ? .success(output) : .failure(.damaged)
            }
            // No progress means that the stream ends too early.
            guard status == Z_OK, !chunk.isEmpty else { return .failure(.damaged) }
        }
    }
}
