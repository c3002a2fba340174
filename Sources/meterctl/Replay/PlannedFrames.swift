internal import MeterClient
internal import MeterWire

/// What an emitter would send one way, packed as it packs, and not sent.
///
/// Claims and what is sent again are not in it. An emitter that is busy or waits for the server may fill
/// frames a little otherwise.
struct PlannedFrames {
    let endpoint: Endpoint
    private(set) var frameCount: UInt64 = 0
    private(set) var eventCount: UInt64 = 0
    /// Of the sealed frames.
    private(set) var byteCount: UInt64 = 0
    /// Events that cannot be on the wire.
    private(set) var invalidCount: UInt64 = 0
    private(set) var lastDefect: EventDefect?
    private(set) var amounts: [String: UInt128] = [:]

    private let overheadByteCount: Int
    private let sealAfterMicroseconds: Int64
    private var payload: PayloadEncoder
    /// When the first event of the payload was recorded.
    private var began: Int64?

    init(_ options: EmitterOptions) {
        endpoint = options.endpoint
        let suite = options.protection.suite
        overheadByteCount = WireLimits.headerByteCount + suite.nonceByteCount + suite.tagByteCount
        sealAfterMicroseconds = options.sealAfterMilliseconds * 1_000
        payload = PayloadEncoder(byteCountMax: options.parameters.payloadByteCount)
    }

    /// - Parameter moment: When it would be recorded, in microseconds; nil for all at once.
    mutating func add(_ event: UsageEvent, at moment: Int64? = nil) {
        if let moment, let began, moment - began >= sealAfterMicroseconds { seal() }
        var appended = payload.append(event)
        if appended == .full {
            seal()
            appended = payload.append(event)
        }
        if case .invalid(let defect) = appended {
            invalidCount += 1
            lastDefect = defect
            return
        }
        eventCount += 1
        if began == nil { began = moment }
        for amount in event.amounts {
            amounts[amount.component, default: 0] += UInt128(amount.amount)
        }
    }

    /// What is in the payload is a frame.
    mutating func seal() {
        began = nil
        guard !payload.isEmpty else { return }
        frameCount += 1
        byteCount += UInt64(payload.byteCount + overheadByteCount)
        payload.removeAll()
    }

    /// The figures of all ways: events, frames, bytes, and what they use of each component.
    static func table(_ lanes: [PlannedFrames]) -> Table {
        let ways = lanes.map { Column.number("\($0.endpoint)") }
        var table = Table(
            "planned",
            [.text("what")] + ways + (lanes.count > 1 ? [.number("all")] : [])
        )
        func add(_ what: String, _ value: (PlannedFrames) -> UInt128) {
            let values = lanes.map(value)
            table.add([what] + values.map { "\($0)" } + ["\(values.reduce(0, +))"])
        }
        add("events") { UInt128($0.eventCount) }
        add("frames") { UInt128($0.frameCount) }
        add("bytes") { UInt128($0.byteCount) }
        for component in Set(lanes.flatMap(\.amounts.keys)).sorted() {
            add(component) { $0.amounts[component] ?? 0 }
        }
        return table
    }
}
