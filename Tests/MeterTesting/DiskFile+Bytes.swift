package import Meter

extension DiskFile {
    package func append(_ bytes: [UInt8]) throws(DiskError) {
        var failure: DiskError?
        unsafe bytes.withUnsafeBytes { bytes in
            do throws(DiskError) { try unsafe append(bytes) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// At most `count` bytes from `offset` on; all of them without arguments.
    package func bytes(at offset: Int = 0, count: Int? = nil) throws(DiskError) -> [UInt8] {
        let wanted = if let count { count } else { try byteCount() }
        var bytes = [UInt8](repeating: 0, count: wanted)
        var filled = 0
        var failure: DiskError?
        unsafe bytes.withUnsafeMutableBytes { target in
            do throws(DiskError) {
                filled = try unsafe read(at: offset, into: target)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return Array(bytes[..<filled])
    }
}
