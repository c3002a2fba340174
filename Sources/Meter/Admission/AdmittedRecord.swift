internal import MeterWire

/// A journal record as admission wrote it, its payload decoded.
enum AdmittedRecord {
    /// A frame of events. Where it is not well-formed nobody could read its payload, the stored verdict says
    /// so, and there are no events.
    case frame(FrameRecord, isWellFormed: Bool)
    case claim(FrameRecord, Claim)
    case batch(BatchRecord)
}

/// Reads records back: the one decoding for recovery, and for whoever reads kept journal files.
///
/// The events of the last record are in `batch`, which points into the record's payload.
struct AdmittedRecordReader: ~Copyable {
    private(set) var batch = EventBatch()

    init() {}

    /// - Throws: `FrameError` for a record that does not mean anything, though its checksum is right:
    ///   written by a newer version.
    mutating func read(_ journalled: JournalRecord) throws(FrameError) -> AdmittedRecord {
        batch.removeAll()
        switch journalled.kind {
        case RecordKind.frame:
            let (record, payload) = try unsafe FrameRecord.parse(journalled.payload)
            return try unsafe read(record, payload)
        case RecordKind.batch:
            let (record, payload) = try unsafe BatchRecord.parse(journalled.payload)
            try unsafe batch.decode(
                payload: payload, eventCount: record.outcomes.count, baseTime: record.baseTime)
            return .batch(record)
        default: throw .unknownKind(journalled.kind)
        }
    }

    private mutating func read(
        _ record: FrameRecord, _ payload: UnsafeRawBufferPointer
    ) throws(FrameError) -> AdmittedRecord {
        let header = record.header
        if header.kind == .claim {
            let claim = try unsafe Claim.decode(
                payload: payload, baseTime: header.baseTime, sealedThrough: header.firstSequence)
            return .claim(record, claim)
        }
        do throws(FrameError) {
            try unsafe batch.decode(
                payload: payload, eventCount: header.eventCount, baseTime: header.baseTime)
        } catch {
            guard record.verdict == .refused(.malformed) || record.verdict == .inConflict else {
                throw error
            }
            batch.removeAll()
            return .frame(record, isWellFormed: false)
        }
        return .frame(record, isWellFormed: true)
    }
}
