internal import MeterWire

/// Some thousand names of the sorted series dictionary, each told by how it differs from the one before it.
///
///     varint names; for each:
///       u8       1 same tenant as before | 2 same agent as before | 4 with an access | 8 of spans
///       tenant   unless the same: varint bytes in common with the one before | varint others | those bytes
///       agent    likewise
///       access   16 bytes, big-endian, if there is one
enum SeriesPage {
    static let nameCount = 4096

    private enum Flag {
        static let sameTenant: UInt8 = 1
        static let sameAgent: UInt8 = 2
        static let access: UInt8 = 4
        static let spans: UInt8 = 8
        static let all: UInt8 = 15
    }

    static func encode(_ names: ArraySlice<SeriesName>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(varint: UInt64(names.count))
        var tenant = Name(bytes: [])
        var agent = Name(bytes: [])
        for name in names {
            var flags: UInt8 = 0
            if name.tenant == tenant { flags |= Flag.sameTenant }
            if name.agent == agent { flags |= Flag.sameAgent }
            if name.access != nil { flags |= Flag.access }
            if name.way == .otlp { flags |= Flag.spans }
            bytes.append(flags)
            if name.tenant != tenant { bytes.append(name.tenant, after: tenant) }
            if name.agent != agent { bytes.append(name.agent, after: agent) }
            if let access = name.access {
                for half in [access.high, access.low] {
                    bytes.append(littleEndian: half.byteSwapped)
                }
            }
            tenant = name.tenant
            agent = name.agent
        }
        return bytes
    }

    /// Appends the page's names to `names`, which together must be strictly ascending.
    static func decode(
        _ bytes: [UInt8],
        into names: inout [SeriesName]
    ) throws(ByteReader.Malformed) {
        var reader = ByteReader(bytes)
        let count = try reader.count(eachAtLeast: 1)
        var tenant = Name(bytes: [])
        var agent = Name(bytes: [])
        for _ in 0..<count {
            let flags = try reader.integer(UInt8.self)
            guard flags <= Flag.all else { throw ByteReader.Malformed() }
            if flags & Flag.sameTenant == 0 { tenant = try reader.name(after: tenant) }
            if flags & Flag.sameAgent == 0 { agent = try reader.name(after: agent) }
            var access: AccessID?
            if flags & Flag.access != 0 {
                let high = try reader.integer(UInt64.self).byteSwapped
                access = AccessID(high: high, low: try reader.integer(UInt64.self).byteSwapped)
            }
            let way = flags & Flag.spans == 0 ? UsageWay.native : .otlp
            let name = SeriesName(tenant: tenant, agent: agent, access: access, way: way)
            if let last = names.last, !(last < name) { throw ByteReader.Malformed() }
            names.append(name)
        }
        guard reader.isAtEnd else { throw ByteReader.Malformed() }
    }
}

extension [UInt8] {
    /// Appends a name by how it differs from the one before it.
    mutating func append(_ name: Name, after previous: Name) {
        var shared = 0
        while shared < Swift.min(name.bytes.count, previous.bytes.count),
            name.bytes[shared] == previous.bytes[shared]
        { shared += 1 }
        append(varint: UInt64(shared))
        append(varint: UInt64(name.bytes.count - shared))
        self += name.bytes[shared...]
    }
}

extension ByteReader {
    /// A name that is told by how it differs from the one before it.
    mutating func name(after previous: Name) throws(Malformed) -> Name {
        let shared = Int(try varint(upTo: UInt64(previous.bytes.count)))
        let count = try count(eachAtLeast: 1)
        return Name(bytes: previous.bytes[..<shared] + Array(try slice(count)))
    }
}
