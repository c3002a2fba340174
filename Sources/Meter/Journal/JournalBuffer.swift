internal import MeterWire

/// A fixed piece of memory in which the records of the next commit are laid out as they will be on disk.
///
/// `@unchecked Sendable`: whoever holds the buffer is alone with it. It belongs to the appenders' lock
/// while it fills, and to the committer from the moment when it is swapped out until it is given back.
@safe
final class JournalBuffer: @unchecked Sendable {
    private let memory: UnsafeMutableRawBufferPointer
    private(set) var count = 0

    init(capacity: Int) {
        unsafe memory = .allocate(byteCount: capacity, alignment: 4096)
    }

    deinit { unsafe memory.deallocate() }

    var capacity: Int { unsafe memory.count }

    /// Whether a record of that payload fits and leaves room for the mark behind it.
    func hasRoom(forPayloadBytes payloadBytes: Int) -> Bool {
        let overhead = JournalFormat.recordHeaderBytes + JournalFormat.markBytes
        return payloadBytes <= capacity - count - overhead
    }

    func removeAll() { count = 0 }

    /// Lays out one record and returns its checksum. The caller has asked `hasRoom`.
    func append(
        kind: UInt8,
        position: UInt64,
        fileID: UInt64,
        _ head: UnsafeRawBufferPointer,
        _ body: UnsafeRawBufferPointer,
        payloadChecksum: UInt32
    ) -> UInt32 {
        let payloadBytes = head.count + body.count
        let firstWord = JournalFormat.firstWord(kind: kind, payloadBytes: payloadBytes)
        let checksum = JournalFormat.checksum(
            payload: payloadChecksum,
            fileID: fileID,
            firstWord: firstWord,
            position: position
        )
        precondition(
            payloadBytes <= capacity - count - JournalFormat.recordHeaderBytes,
            "a record is appended where it has room"
        )
        unsafe memory.storeBytes(of: firstWord.littleEndian, toByteOffset: count, as: UInt64.self)
        unsafe memory.storeBytes(
            of: position.littleEndian,
            toByteOffset: count + 8,
            as: UInt64.self
        )
        unsafe memory.storeBytes(
            of: checksum.littleEndian,
            toByteOffset: count + 16,
            as: UInt32.self
        )
        count += JournalFormat.recordHeaderBytes
        unsafe copy(head)
        unsafe copy(body)
        return checksum
    }

    /// Lays out a mark, for which `hasRoom` has kept room.
    func append(_ mark: JournalMark, kind: UInt8, position: UInt64, fileID: UInt64) {
        let words = (
            mark.durable.littleEndian, mark.recordCount.littleEndian,
            UInt64(mark.chain).littleEndian
        )
        unsafe withUnsafeBytes(of: words) { payload in
            let checksum = unsafe Checksum.crc32c(payload)
            _ = unsafe append(
                kind: kind,
                position: position,
                fileID: fileID,
                payload,
                UnsafeRawBufferPointer(start: nil, count: 0),
                payloadChecksum: checksum
            )
        }
    }

    /// Writes all of it with one append and keeps it.
    func write(to file: any DiskFile) throws(DiskError) {
        let bytes = unsafe UnsafeRawBufferPointer(rebasing: memory[..<count])
        try unsafe file.append(bytes)
    }

    private func copy(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, let target = unsafe memory.baseAddress else { return }
        unsafe (target + count).copyMemory(from: source, byteCount: bytes.count)
        count += bytes.count
    }
}
