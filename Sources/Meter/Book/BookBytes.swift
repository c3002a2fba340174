// The only place in the book that touches unsafe bytes: arrays to and from the disk, and integers in them.

extension [UInt8] {
    /// The integer at `offset`; nil if the array ends before it does.
    func littleEndian<Value: FixedWidthInteger & UnsignedInteger>(
        _ type: Value.Type,
        at offset: Int
    ) -> Value? {
        let width = Value.bitWidth / 8
        guard offset >= 0, count >= width, offset <= count - width else { return nil }
        var value: Value = 0
        for byte in self[offset..<offset + width].reversed() { value = value << 8 | Value(byte) }
        return value
    }
}

/// Reads one file through a window, so that a book of any size is read in bounded memory.
struct BookFileReader {
    private static let windowByteCount = 1 << 18

    let name: String
    /// As the file was when the reader was made.
    let byteCount: Int
    private let file: any DiskFile
    private var window: [UInt8] = []
    private var windowStart = 0

    init(_ file: any DiskFile) throws(DiskError) {
        self.file = file
        name = file.name
        byteCount = try file.byteCount()
    }

    /// Up to `count` bytes from `offset` on; fewer only at the end of the file.
    mutating func bytes(at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
        guard offset >= 0, offset < byteCount, count > 0 else { return [] }
        let count = min(count, byteCount - offset)
        if offset < windowStart || offset + count > windowStart + window.count {
            windowStart = offset
            let rest = byteCount - offset
            window = try Self.read(
                file,
                at: offset,
                count: min(max(count, Self.windowByteCount), rest)
            )
        }
        let start = offset - windowStart
        return Array(window[start..<min(start + count, window.count)])
    }

    private static func read(
        _ file: any DiskFile,
        at offset: Int,
        count: Int
    ) throws(DiskError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var failure: DiskError?
        let read = unsafe bytes.withUnsafeMutableBytes { target -> Int in
            do throws(DiskError) {
                return unsafe try file.read(at: offset, into: target)
            } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        return Array(bytes.prefix(read))
    }
}

extension DiskFile {
    /// Appends all of the bytes or fails, as `append` of the protocol does.
    func appendBytes(_ bytes: [UInt8]) throws(DiskError) {
        var failure: DiskError?
        unsafe bytes.withUnsafeBytes { source in
            do throws(DiskError) {
                unsafe try append(source)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }
}
