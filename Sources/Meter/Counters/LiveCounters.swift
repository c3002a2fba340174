internal import MeterWire

/// One shard's running totals with the names that they refer to, taken out as a whole at a checkpoint.
///
/// Numbers of series and components mean something only together with the names here: the next table
/// begins with none, so names cost memory only while they are used.
struct LiveCounters: ~Copyable {
    private(set) var table = CounterTable()
    private var series: NameTable
    private var components: NameTable
    /// Reused: the bytes under which a series is looked up.
    private var scratch: [UInt8] = []

    init(seed: UInt64) {
        series = NameTable(seed: seed)
        components = NameTable(seed: seed)
    }

    /// Rows held, which is what memory is limited by: distinct keys, and sums set aside.
    var keyCount: Int { table.rowCount }
    var seriesCount: Int { series.count }

    /// The number of a series, or nil if it is not in the table.
    mutating func findSeries(
        tenant: UnsafeRawBufferPointer, agent: UnsafeRawBufferPointer, access: AccessID?
    ) -> UInt32? {
        unsafe compose(tenant: tenant, agent: agent, access: access)
        return unsafe scratch.withUnsafeBytes { unsafe series.find($0) }
    }

    /// The number of a series, a new one if it is not in the table.
    mutating func internSeries(
        tenant: UnsafeRawBufferPointer, agent: UnsafeRawBufferPointer, access: AccessID?
    ) -> UInt32 {
        unsafe compose(tenant: tenant, agent: agent, access: access)
        return unsafe scratch.withUnsafeBytes { unsafe series.intern($0) }
    }

    func findComponent(_ name: UnsafeRawBufferPointer) -> UInt32? { unsafe components.find(name) }

    mutating func internComponent(_ name: UnsafeRawBufferPointer) -> UInt32 {
        unsafe components.intern(name)
    }

    mutating func add(keys: UnsafePointer<UInt64>, amounts: UnsafePointer<UInt64>, count: Int) {
        unsafe table.add(keys: keys, amounts: amounts, count: count)
    }

    /// Tenant's length (one byte: names have at most 255), tenant, access or nothing, agent.
    private mutating func compose(
        tenant: UnsafeRawBufferPointer, agent: UnsafeRawBufferPointer, access: AccessID?
    ) {
        scratch.removeAll(keepingCapacity: true)
        scratch.append(UInt8(truncatingIfNeeded: tenant.count))
        unsafe scratch.append(contentsOf: tenant)
        if let access {
            scratch.append(1)
            unsafe withUnsafeBytes(of: (access.high.bigEndian, access.low.bigEndian)) {
                unsafe scratch.append(contentsOf: $0)
            }
        } else {
            scratch.append(0)
        }
        unsafe scratch.append(contentsOf: agent)
    }

    /// The names of the series, in the order of their numbers.
    var seriesNames: [SeriesName] {
        (0..<series.count).map { LiveCounters.seriesName(series[$0]) }
    }

    /// The names of the components, in the order of their numbers.
    var componentNames: [Name] { (0..<components.count).map { Name(bytes: Array(components[$0])) } }

    private static func seriesName(_ bytes: ArraySlice<UInt8>) -> SeriesName {
        let tenantEnd = bytes.startIndex + 1 + Int(bytes[bytes.startIndex])
        let tenant = Name(bytes: Array(bytes[(bytes.startIndex + 1)..<tenantEnd]))
        guard bytes[tenantEnd] == 1 else {
            return SeriesName(tenant: tenant, agent: Name(bytes: Array(bytes[(tenantEnd + 1)...])))
        }
        let agentStart = tenantEnd + 17
        let halves = bytes[(tenantEnd + 1)..<agentStart].reduce(into: (UInt64(0), UInt64(0))) {
            $0 = ($0.0 << 8 | $0.1 >> 56, $0.1 << 8 | UInt64($1))
        }
        return SeriesName(
            tenant: tenant, agent: Name(bytes: Array(bytes[agentStart...])),
            access: AccessID(high: halves.0, low: halves.1))
    }
}
