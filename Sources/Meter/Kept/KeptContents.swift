internal import MeterWire

/// What is in one finished journal file, as its index says in its last piece.
///
///     u64 id of the journal file | u8 flags: 1 damaged, 2 sources listed, 4 ids listed
///     u64 records | u64 events | u64 counted events | u32 sources
///     u32 pieces of sources | u32 pieces of the filter | u64 words of the filter
///     received, counted, any, touched: u8 1, i64 first, i64 last, or u8 0
///     before: u8 0 not known, 1 there is nothing, 2 and i64 latest time
struct KeptContents: Equatable, Sendable {
    /// What is known of everything that was admitted before the file.
    enum Before: Equatable, Sendable {
        case unknown
        case nothing
        /// No event before the file happened after this.
        case through(Timestamp)
    }

    /// Of the journal file; another file of the same span has another one.
    var fileID: UInt64 = 0
    /// Some of it cannot be read: who wants to know must try.
    var isDamaged = false
    /// False where there are too many to be listed.
    var listsSources = true
    var listsIdentifiers = true
    var recordCount: UInt64 = 0
    var eventCount: UInt64 = 0
    var countedEventCount: UInt64 = 0
    var sourceCount: UInt32 = 0
    var sourcePieceCount: UInt32 = 0
    var filterPieceCount: UInt32 = 0
    var filterWordCount: UInt64 = 0
    /// When its first and last record were received.
    var received: ClosedRange<Timestamp>?
    /// When the events happened that were counted.
    var counted: ClosedRange<Timestamp>?
    /// When its events say that they happened, whatever was decided of them.
    var any: ClosedRange<Timestamp>?
    /// When the events happened that were counted or that a person may still decide to count.
    var touched: ClosedRange<Timestamp>?
    var before = Before.unknown

    /// The time up to which it concerns billing: that of its events, or of its receipt where it has none.
    var concernsThrough: Timestamp? { touched?.upperBound ?? received?.upperBound }

    /// What the file after this one may say of everything before it.
    var through: Before {
        if isDamaged { return .unknown }
        guard let last = touched?.upperBound else { return before }
        switch before {
        case .unknown: return .unknown
        case .nothing: return .through(last)
        case .through(let earlier): return .through(max(earlier, last))
        }
    }
}

extension KeptContents {
    func encode() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: fileID)
        bytes.append(
            (isDamaged ? 1 : 0) | (listsSources ? 2 : 0) | (listsIdentifiers ? 4 : 0))
        for count in [recordCount, eventCount, countedEventCount] {
            bytes.append(littleEndian: count)
        }
        for count in [sourceCount, sourcePieceCount, filterPieceCount] {
            bytes.append(littleEndian: count)
        }
        bytes.append(littleEndian: filterWordCount)
        for range in [received, counted, any, touched] {
            bytes.append(range == nil ? 0 : 1)
            guard let range else { continue }
            bytes.append(littleEndian: UInt64(bitPattern: range.lowerBound.milliseconds))
            bytes.append(littleEndian: UInt64(bitPattern: range.upperBound.milliseconds))
        }
        switch before {
        case .unknown: bytes.append(0)
        case .nothing: bytes.append(1)
        case .through(let time):
            bytes.append(2)
            bytes.append(littleEndian: UInt64(bitPattern: time.milliseconds))
        }
        return bytes
    }

    init(decoding bytes: [UInt8]) throws(ByteReader.Malformed) {
        var reader = ByteReader(bytes)
        fileID = try reader.integer()
        let flags: UInt8 = try reader.integer()
        guard flags < 8 else { throw ByteReader.Malformed() }
        isDamaged = flags & 1 != 0
        listsSources = flags & 2 != 0
        listsIdentifiers = flags & 4 != 0
        recordCount = try reader.integer()
        eventCount = try reader.integer()
        countedEventCount = try reader.integer()
        sourceCount = try reader.integer()
        sourcePieceCount = try reader.integer()
        filterPieceCount = try reader.integer()
        filterWordCount = try reader.integer()
        received = try reader.times()
        counted = try reader.times()
        any = try reader.times()
        touched = try reader.times()
        switch try reader.integer(UInt8.self) {
        case 0: before = .unknown
        case 1: before = .nothing
        case 2: before = .through(try reader.time())
        default: throw ByteReader.Malformed()
        }
        guard reader.isAtEnd else { throw ByteReader.Malformed() }
    }
}

extension ByteReader {
    fileprivate mutating func time() throws(Malformed) -> Timestamp {
        Timestamp(milliseconds: Int64(bitPattern: try integer()))
    }

    fileprivate mutating func times() throws(Malformed) -> ClosedRange<Timestamp>? {
        switch try integer(UInt8.self) {
        case 0: return nil
        case 1: break
        default: throw Malformed()
        }
        let first = try time()
        let last = try time()
        guard first <= last else { throw Malformed() }
        return first...last
    }
}
