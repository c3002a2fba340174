internal import MeterWire

/// How many ids each principal has remembered, by the hour in which they were received.
///
/// An id counts until the whole hour of its receipt is past the horizon, so never too short.
package struct IdentifierHolders: Equatable, Sendable {
    private var counts: [PrincipalID: [UInt32: UInt64]] = [:]

    package init() {}

    package var isEmpty: Bool { counts.isEmpty }

    mutating func add(_ count: UInt64, of principal: PrincipalID, received: Minute) {
        counts[principal, default: [:]][received.rawValue / 60, default: 0] += count
    }

    mutating func add(_ others: IdentifierHolders) {
        for (principal, hours) in others.counts {
            counts[principal, default: [:]].merge(hours) { $0 + $1 }
        }
    }

    /// Leaves out what was received in hours that ended by then.
    mutating func forget(before: Minute) {
        for principal in counts.keys { forget(of: principal, before: before) }
    }

    /// How many ids of a principal still count; forgets what no longer does.
    mutating func count(of principal: PrincipalID, since: Minute) -> UInt64 {
        forget(of: principal, before: since)
        return counts[principal]?.values.reduce(0, +) ?? 0
    }

    private mutating func forget(of principal: PrincipalID, before: Minute) {
        guard let hours = counts[principal] else { return }
        let kept = hours.filter { ($0.key + 1) * 60 > before.rawValue }
        if kept.count < hours.count { counts[principal] = kept.isEmpty ? nil : kept }
    }

    /// In how many minutes `count` ids of a principal will have stopped counting; as many as it has, if it
    /// has fewer.
    func minutes(untilFree count: UInt64, of principal: PrincipalID, since: Minute) -> Int64 {
        var freed: UInt64 = 0
        var end: Int64 = 0
        for (hour, held) in (counts[principal] ?? [:]).sorted(by: { $0.key < $1.key }) {
            if freed >= count { break }
            freed += held
            end = Int64(hour + 1) * 60
        }
        return max(1, end - Int64(since.rawValue))
    }
}

/// As an id file has it: u32 lines | u64 principal, u32 hour, u64 ids each, ascending.
extension IdentifierHolders {
    private static let lineByteCount = 20

    func write(to bytes: inout [UInt8]) {
        let lines = counts.sorted { $0.key < $1.key }
        bytes.append(littleEndian: UInt32(lines.reduce(0) { $0 + $1.value.count }))
        for (principal, hours) in lines {
            for (hour, count) in hours.sorted(by: { $0.key < $1.key }) {
                bytes.append(littleEndian: principal.rawValue)
                bytes.append(littleEndian: hour)
                bytes.append(littleEndian: count)
            }
        }
    }

    /// Reads what is left of a file's index; files of before there were budgets have nothing there.
    static func read(_ reader: inout ByteReader) throws(ByteReader.Malformed) -> IdentifierHolders {
        var holders = IdentifierHolders()
        if reader.remaining == 0 { return holders }
        let lineCount: UInt32 = try reader.integer()
        guard reader.remaining == Int(lineCount) * lineByteCount else {
            throw ByteReader.Malformed()
        }
        var last: (UInt64, UInt32)?
        for _ in 0..<lineCount {
            let principal: UInt64 = try reader.integer()
            let hour: UInt32 = try reader.integer()
            let count: UInt64 = try reader.integer()
            // No minute lies in a later hour, and 64 bits can add up all counts of this size.
            guard last.map({ $0 < (principal, hour) }) ?? true, hour <= UInt32.max / 60 - 1,
                count <= 1 << 36
            else { throw ByteReader.Malformed() }
            last = (principal, hour)
            holders.counts[PrincipalID(rawValue: principal), default: [:]][hour] = count
        }
        return holders
    }
}
